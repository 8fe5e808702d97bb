"""Folders on disk to models in memory: both layouts, their parts, and what is refused before anything is executed."""

from __future__ import annotations

import io
import json
import pickle
import shutil
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from safetensors.torch import load_file, save_file
from torch import Tensor

from services.generation.models.checkpoint import load_model, open_checkpoint
from services.generation.models.conversion import CACHE_FOLDER, content_key, converted
from services.generation.models.converter import Refused, check_archive, convert
from services.generation.models.installation import checked
from services.generation.models.tokenizer import read_tokenizer
from services.shared.errors import AppError, ErrorCode
from tests.support.audiocraft_checkpoints import write_audiocraft


@pytest.fixture
def copy(folder: Callable[[str], Path], tmp_path: Path) -> Callable[[str], Path]:
    def make(kind: str) -> Path:
        target = tmp_path / "models" / f"musicgen-{kind}"
        shutil.copytree(folder(kind), target)
        return target

    return make


def refusal(path: Path, models_dir: Path | None = None) -> str:
    with pytest.raises(AppError) as caught:
        load_model(checked(path, models_dir or path.parent))
    assert caught.value.code is ErrorCode.MODEL_NOT_INSTALLED
    return caught.value.message


def same(left: dict[str, Tensor], right: dict[str, Tensor]) -> None:
    assert left.keys() == right.keys()
    for name, tensor in left.items():
        assert torch.equal(tensor, right[name]), name


@pytest.mark.parametrize("kind", ["mono", "stereo", "melody"])
def test_loaded_weights_are_those_of_the_file(kind: str, folder: Callable[[str], Path]) -> None:
    stored = load_file(folder(kind) / "model.safetensors")
    state = load_model(open_checkpoint(folder(kind))).state_dict()
    shared = [name for name in state if name in stored]
    assert len(shared) > 0.6 * len(state)
    for name in shared:
        assert torch.equal(state[name], stored[name]), name


def test_sharded_weights_load_to_the_same_model(copy: Callable[[str], Path], folder: Callable[[str], Path]) -> None:
    path = copy("mono")
    state = load_file(path / "model.safetensors")
    (path / "model.safetensors").unlink()
    places = {}
    names = sorted(state)
    for index, part in enumerate((names[::2], names[1::2])):
        file = f"model-{index + 1:05}-of-00002.safetensors"
        save_file({name: state[name] for name in part}, path / file)
        places |= dict.fromkeys(part, file)
    (path / "model.safetensors.index.json").write_text(json.dumps({"weight_map": places}))
    same(load_model(open_checkpoint(path)).state_dict(), load_model(open_checkpoint(folder("mono"))).state_dict())


def test_half_precision_weights_are_read_as_float32(copy: Callable[[str], Path]) -> None:
    path = copy("mono")
    state = load_file(path / "model.safetensors")
    save_file({name: tensor.half() for name, tensor in state.items()}, path / "model.safetensors")
    assert all(tensor.dtype is torch.float32 for tensor in load_model(open_checkpoint(path)).state_dict().values())


@pytest.mark.parametrize("place", ["text_encoder", "../t5-base"])
def test_text_encoder_of_a_folder_of_its_own_completes_the_model(
    place: str, copy: Callable[[str], Path], folder: Callable[[str], Path], reference: Callable[[str], Any]
) -> None:
    path = copy("mono")
    state = load_file(path / "model.safetensors")
    save_file(
        {name: tensor for name, tensor in state.items() if not name.startswith("text_encoder.")},
        path / "model.safetensors",
    )
    assert "t5-base" in refusal(path) or "text encoder" in refusal(path)
    document = json.loads((path / "config.json").read_text())
    document["text_encoder"]["_name_or_path"] = "google-t5/t5-base"
    (path / "config.json").write_text(json.dumps(document))
    encoder = path / place
    reference("mono").text_encoder.save_pretrained(encoder)
    (path / "tokenizer.json").rename(encoder / "tokenizer.json")
    checkpoint = open_checkpoint(path)
    assert any((folder / "tokenizer.json").is_file() for folder in checkpoint.tokenizer_folders)
    same(load_model(checkpoint).state_dict(), load_model(open_checkpoint(folder("mono"))).state_dict())


def test_tokenizer_that_comes_to_a_pickled_part_later_is_found(
    copy: Callable[[str], Path], reference: Callable[[str], Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, kept = copy("mono"), tmp_path / "kept"
    state = load_file(path / "model.safetensors")
    save_file(
        {name: tensor for name, tensor in state.items() if not name.startswith("text_encoder.")},
        path / "model.safetensors",
    )
    encoder = path.parent / "t5-base"
    reference("mono").text_encoder.save_pretrained(kept)
    encoder.mkdir()
    (encoder / "pytorch_model.bin").touch()
    shutil.copyfile(kept / "config.json", encoder / "config.json")
    # What a child made of it before there was a tokenizer.
    monkeypatch.setattr("services.generation.models.checkpoint.converted", lambda place, cache: kept)
    (path / "tokenizer.json").rename(encoder / "tokenizer.json")
    checkpoint = checked(path, path.parent)
    assert read_tokenizer(checkpoint.tokenizer_folders, checkpoint.configuration.text.vocabulary)


@pytest.mark.parametrize("kind", ["mono", "stereo", "melody"])
def test_audiocrafts_layout_loads_to_the_same_tensors(
    kind: str, folder: Callable[[str], Path], reference: Callable[[str], Any], tmp_path: Path
) -> None:
    path = write_audiocraft(folder(kind), tmp_path / "anything", reference(kind))
    convert(path, tmp_path / "musicgen-converted")
    checkpoint = open_checkpoint(tmp_path / "musicgen-converted")
    theirs = open_checkpoint(folder(kind))
    if kind == "melody":
        # Its length is not in audiocraft's settings: it is that of the trained models.
        assert checkpoint.configuration.chroma is not None
        assert checkpoint.configuration.chroma.frames == 235
    else:
        assert checkpoint.configuration == theirs.configuration
    same(load_model(checkpoint).state_dict(), load_model(theirs).state_dict())


def test_audiocraft_folder_is_converted_once_by_a_child_and_kept_by_its_content(
    folder: Callable[[str], Path], reference: Callable[[str], Any], tmp_path: Path
) -> None:
    models_dir = tmp_path / "models"
    path = write_audiocraft(folder("mono"), models_dir / "anything", reference("mono"))
    same(load_model(checked(path, models_dir)).state_dict(), load_model(open_checkpoint(folder("mono"))).state_dict())
    key = content_key(path)
    assert [entry.name for entry in (models_dir / CACHE_FOLDER).iterdir() if entry.is_dir()] == [key]
    (models_dir / CACHE_FOLDER / key / "mark").touch()
    assert (converted(path, models_dir) / "mark").exists()
    write_audiocraft(folder("mono"), models_dir / "other", reference("mono"), codec=False)
    assert content_key(models_dir / "other") != key


def test_codec_of_a_folder_of_its_own_completes_an_audiocraft_model(
    folder: Callable[[str], Path], reference: Callable[[str], Any], tmp_path: Path
) -> None:
    path = write_audiocraft(folder("mono"), tmp_path / "anything", reference("mono"), codec=False)
    target = tmp_path / "musicgen-converted"
    convert(path, target)
    assert "encodec_32khz" in refusal(target)
    reference("mono").audio_encoder.save_pretrained(tmp_path / "encodec_32khz")
    same(load_model(open_checkpoint(target)).state_dict(), load_model(open_checkpoint(folder("mono"))).state_dict())


def converted_here(path: Path) -> Path:
    """The folder that an audiocraft folder is converted into, made without a child."""
    convert(path, path.parent / CACHE_FOLDER / content_key(path))
    return path.parent / CACHE_FOLDER / content_key(path)


def test_audiocraft_folder_may_hold_its_text_encoder_and_tokenizer(
    folder: Callable[[str], Path], reference: Callable[[str], Any], tmp_path: Path
) -> None:
    path = write_audiocraft(folder("mono"), tmp_path / "anything", reference("mono"))
    converted_here(path)
    (tmp_path / "t5-base").rename(path / "text_encoder")
    (path / "text_encoder" / "tokenizer.json").rename(path / "tokenizer.json")
    checkpoint = checked(path, tmp_path)
    assert read_tokenizer(checkpoint.tokenizer_folders, checkpoint.configuration.text.vocabulary)
    same(load_model(checkpoint).state_dict(), load_model(open_checkpoint(folder("mono"))).state_dict())


def test_refusal_of_a_converted_model_names_the_folder_that_people_know(
    folder: Callable[[str], Path], reference: Callable[[str], Any], tmp_path: Path
) -> None:
    path = write_audiocraft(folder("mono"), tmp_path / "anything", reference("mono"))
    place = converted_here(path)
    change(place, lambda state: state.update({"decoder.lm_heads.1.weight": torch.zeros(7, 48)}))
    assert refusal(path).startswith("anything cannot be used: decoder.lm_heads.1.weight")
    (tmp_path / "t5-base" / "config.json").unlink()
    assert refusal(path).startswith("anything cannot be used: its text encoder “t5-base” is not there")


class Bomb:
    """Writes a file when it is unpickled: if a test finds the file, something was executed."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        return (Path.touch, (self._path,))


def test_pickle_bomb_is_refused_and_does_not_go_off(
    folder: Callable[[str], Path], reference: Callable[[str], Any], tmp_path: Path
) -> None:
    path = write_audiocraft(folder("mono"), tmp_path / "models" / "bomb", reference("mono"))
    mark = tmp_path / "went off"
    torch.save({"best_state": {"emb.0.weight": torch.zeros(1)}, "xp.cfg": "", "x": Bomb(mark)}, path / "state_dict.bin")
    # Torch's own sentence would say how to open it all the same.
    assert refusal(path).endswith("state_dict.bin holds more than weights (getattr), so it was not opened further.")
    assert not mark.exists()
    assert not [entry for entry in (tmp_path / "models" / CACHE_FOLDER).iterdir() if entry.is_dir()]


def test_plain_pickle_is_refused_unopened(tmp_path: Path) -> None:
    path = tmp_path / "models" / "plain"
    path.mkdir(parents=True)
    mark = tmp_path / "went off"
    (path / "state_dict.bin").write_bytes(pickle.dumps(Bomb(mark)))
    assert "not a torch checkpoint" in refusal(path)
    assert not mark.exists()


def test_archive_that_grows_when_it_is_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "state_dict.bin"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", b"\x80\x02}.")
        archive.writestr("archive/data/0", bytes(10_000_000))
    with pytest.raises(Refused, match="compressed"):
        check_archive(path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("readme.txt", b"hello")
    with pytest.raises(Refused, match="not a torch checkpoint"):
        check_archive(path)


def test_cut_audiocraft_checkpoint_is_refused(
    folder: Callable[[str], Path], reference: Callable[[str], Any], tmp_path: Path
) -> None:
    path = write_audiocraft(folder("mono"), tmp_path / "models" / "cut", reference("mono"))
    whole = (path / "state_dict.bin").read_bytes()
    (path / "state_dict.bin").write_bytes(whole[: len(whole) // 2])
    assert "cut off" in refusal(path)
    with pytest.raises(Refused, match="cut off"):
        convert(path, tmp_path / "target")


MODEL = {"emb.0.weight": torch.zeros(3, 4)}
STRANGE = "condition_provider.conditioners.self_wav.clap.weight"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ({"best_state": {"layer1.weight": torch.zeros(3)}, "xp.cfg": "a: 1"}, "layer1.weight"),
        ({"layer1.weight": torch.zeros(3)}, "best_state"),
        ([1, 2], "table"),
        ({"best_state": {"emb.0.weight": "text"}, "xp.cfg": "a: 1"}, "beside tensors"),
        ({"best_state": {3: torch.zeros(1)}, "xp.cfg": "a: 1"}, "beside tensors"),
        ({"best_state": {**MODEL, STRANGE: torch.zeros(3)}, "xp.cfg": "a: 1"}, "self_wav.clap"),
        ({"best_state": MODEL}, "xp.cfg"),
        ({"best_state": MODEL, "xp.cfg": "{"}, "settings"),
        ({"best_state": MODEL, "xp.cfg": "[1]"}, "no table"),
        ({"best_state": MODEL, "xp.cfg": "a: 1"}, "lack"),
        ({"best_state": {"transformer.layers.0.self_attn.in_proj_weight": torch.zeros(4)}, "xp.cfg": "a: 1"}, "shape"),
    ],
)
def test_checkpoint_of_something_else_is_refused(content: Any, reason: str, tmp_path: Path) -> None:
    torch.save(content, tmp_path / "state_dict.bin")
    with pytest.raises(Refused, match=reason):
        convert(tmp_path, tmp_path / "target")
    assert not (tmp_path / "target").exists()


def test_codec_whose_settings_lack_something_is_refused(
    folder: Callable[[str], Path], reference: Callable[[str], Any], tmp_path: Path
) -> None:
    path = write_audiocraft(folder("mono"), tmp_path / "anything", reference("mono"))
    content = torch.load(path / "compression_state_dict.bin", weights_only=True)
    content["xp.cfg"] = yaml.safe_dump({"sample_rate": 32_000})
    torch.save(content, path / "compression_state_dict.bin")
    with pytest.raises(Refused, match="codec's settings"):
        convert(path, tmp_path / "target")


@pytest.mark.parametrize("cut", [4, 100, -1, -5000])
def test_cut_safetensors_are_refused(cut: int, copy: Callable[[str], Path]) -> None:
    path = copy("mono")
    whole = (path / "model.safetensors").read_bytes()
    (path / "model.safetensors").write_bytes(whole[:cut])
    assert "cut off" in refusal(path)


def test_lost_shard_and_strange_index_are_refused(copy: Callable[[str], Path]) -> None:
    path = copy("mono")
    index = path / "model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": {"a": "gone.safetensors"}}))
    assert "gone.safetensors" in refusal(path)
    index.write_text(json.dumps({"weight_map": {"a": "../../etc/passwd"}}))
    assert "outside" in refusal(path)
    index.write_text("[1]")
    assert "object" in refusal(path)


def test_header_that_lies_is_refused(copy: Callable[[str], Path]) -> None:
    path = copy("mono") / "model.safetensors"

    def write(header: object) -> None:
        text = json.dumps(header).encode()
        path.write_bytes(struct.pack("<Q", len(text)) + text + bytes(8))

    entry = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}
    for wrong, reason in (
        ({"a": {**entry, "shape": [3]}}, "does not fit"),
        ({"a": {**entry, "dtype": "PICKLE"}}, "broken"),
        ({"a": {**entry, "shape": [-2]}}, "broken"),
        ({"a": entry, "b": entry}, "overlap"),
        ({"a": {**entry, "data_offsets": [0, 8, 9]}}, "broken"),
        ({"a": 3}, "broken"),
        ([1], "table"),
    ):
        write(wrong)
        assert reason in refusal(path.parent)
    path.write_bytes(struct.pack("<Q", 2**60))
    assert "cut off" in refusal(path.parent)


def change(path: Path, edit: Callable[[dict[str, Tensor]], None]) -> None:
    state = load_file(path / "model.safetensors")
    edit(state)
    save_file(state, path / "model.safetensors")


def test_tensor_of_another_shape_is_refused_by_name(copy: Callable[[str], Path]) -> None:
    path = copy("mono")
    name = "decoder.model.decoder.layers.1.fc1.weight"
    change(path, lambda state: state.update({name: torch.zeros(5, 48)}))
    assert name in refusal(path)
    assert "[5, 48]" in refusal(path)


def test_missing_and_unknown_tensors_are_refused_by_name(copy: Callable[[str], Path]) -> None:
    path = copy("mono")
    change(path, lambda state: state.pop("decoder.lm_heads.2.weight"))
    assert "decoder.lm_heads.2.weight" in refusal(path)
    change(
        path, lambda state: state.update({"decoder.lm_heads.2.weight": torch.zeros(2048, 48), "evil": torch.ones(1)})
    )
    assert "evil" in refusal(path)


def test_values_that_are_not_finite_are_refused(copy: Callable[[str], Path]) -> None:
    path = copy("mono")

    def poison(state: dict[str, Tensor]) -> None:
        state["decoder.lm_heads.2.weight"][3, 4] = torch.nan

    change(path, poison)
    assert "not finite" in refusal(path)


def test_convolution_without_a_direction_is_refused(copy: Callable[[str], Path]) -> None:
    path = copy("mono")

    def empty(state: dict[str, Tensor]) -> None:
        name = next(name for name in state if name.endswith("parametrizations.weight.original1"))
        state[name][0] = 0.0

    change(path, empty)
    assert "no length" in refusal(path)


@pytest.mark.parametrize(
    ("edit", "reason"),
    [
        ({"model_type": "bert"}, "'bert'"),
        ({"model_type": None}, "None"),
        ({"decoder": {"num_hidden_layers": 10**6}}, "num_hidden_layers"),
        ({"decoder": {"hidden_size": -4}}, "hidden_size"),
        ({"decoder": {"hidden_size": True}}, "hidden_size"),
        ({"decoder": {"num_attention_heads": 7}}, "heads"),
        ({"decoder": {"hidden_size": 2, "num_attention_heads": 1}}, "hidden_size 2"),
        ({"decoder": {"audio_channels": 2}, "audio_encoder": {"audio_channels": 2}}, "a codec of 2"),
        ({"decoder": {"activation_function": "relu"}}, "activation_function"),
        ({"decoder": {"audio_channels": 3}}, "audio_channels"),
        ({"decoder": {"num_codebooks": 3, "audio_channels": 2}}, "codebooks"),
        ({"decoder": {"vocab_size": 1024}}, "tokens"),
        ({"audio_encoder": {"use_causal_conv": True}}, "use_causal_conv"),
        ({"audio_encoder": {"upsampling_ratios": "8"}}, "upsampling_ratios"),
        ({"audio_encoder": {"model_type": "dac"}}, "model_type"),
        ({"audio_encoder": {"sampling_rate": 192_000, "upsampling_ratios": [1]}}, "192000 frames a second"),
        ({"audio_encoder": {"upsampling_ratios": [64] * 8}}, "frames a second"),
        ({"audio_encoder": {"compress": 8}}, "compress"),
        ({"audio_encoder": {"dilation_growth_rate": 16, "num_residual_layers": 16}}, "reach further"),
        ({"text_encoder": {"feed_forward_proj": "swish"}}, "feed_forward_proj"),
        ({"text_encoder": {"layer_norm_epsilon": "x"}}, "layer_norm_epsilon"),
        ({"text_encoder": {"relative_attention_num_buckets": 1}}, "1 buckets"),
        ({"text_encoder": {"relative_attention_max_distance": 8}}, "distances up to 8"),
        ({"text_encoder": 5}, "text_encoder"),
    ],
)
def test_other_architectures_and_impossible_sizes_are_refused(
    edit: dict[str, Any], reason: str, copy: Callable[[str], Path]
) -> None:
    path = copy("mono")
    document = json.loads((path / "config.json").read_text())
    for key, value in edit.items():
        document[key] = {**document[key], **value} if isinstance(value, dict) else value
    (path / "config.json").write_text(json.dumps(document))
    assert reason in refusal(path)


def test_folders_without_a_model_are_refused(tmp_path: Path) -> None:
    assert "neither config.json nor audiocraft's state_dict.bin" in refusal(tmp_path)
    (tmp_path / "config.json").write_text("{" * 100_000)
    assert "JSON" in refusal(tmp_path)
    with (tmp_path / "config.json").open("wb") as file:
        file.truncate(2**25)
    assert "too long" in refusal(tmp_path)
    (tmp_path / "config.json").write_text("{}")
    assert "safetensors" in refusal(tmp_path)


def test_photograph_with_the_name_of_a_model_is_refused(copy: Callable[[str], Path]) -> None:
    path = copy("mono")
    image = io.BytesIO(b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 100)
    (path / "model.safetensors").write_bytes(image.getvalue())
    assert "not a safetensors file" in refusal(path)
