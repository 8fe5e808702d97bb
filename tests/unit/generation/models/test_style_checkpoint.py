"""Style models on disk: audiocraft's layout under our names, MERT as a part of its own, and what is refused."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from safetensors.torch import load_file, save_file

from services.generation.models.checkpoint import load_model, open_checkpoint
from services.generation.models.conversion import CACHE_FOLDER, content_key
from services.generation.models.converter import Refused, convert
from services.generation.models.installation import checked
from services.generation.models.shelf import describe_folder
from services.shared.errors import AppError, ErrorCode
from tests.support.style_models import (
    ReferenceConditioner,
    build_encoder,
    encoder_document,
    encoder_state,
    style_settings,
    write_style_model,
)


class Bomb:
    """Writes a file when it is unpickled: if a test finds the file, something was executed."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        return (Path.touch, (self._path,))


@pytest.fixture
def copy(style_folder: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(style_folder, tmp_path / "models" / "musicgen-style"))


def refusal(path: Path, models_dir: Path | None = None) -> str:
    with pytest.raises(AppError) as caught:
        load_model(checked(path, models_dir or path.parent))
    assert caught.value.code is ErrorCode.MODEL_NOT_INSTALLED
    return caught.value.message


def test_every_tensor_of_audiocrafts_conditioner_has_its_place(style_folder: Path) -> None:
    state = load_model(open_checkpoint(style_folder)).state_dict()
    # Back to audiocraft's names, by rules of the test's own.
    back = {}
    for name, tensor in ReferenceConditioner().state().items():
        if name.endswith(("embed_avg", "cluster_size", "inited", "num_batches_tracked")):
            continue
        ours = name.replace("transformer.layers", "layers").replace("rvq.vq.layers", "quantizer.layers")
        ours = ours.replace("_codebook", "codebook").replace("norm1", "self_attn_layer_norm")
        ours = ours.replace("norm2", "final_layer_norm").replace("linear", "fc")
        if name.startswith("output_proj"):
            back[name.replace("output_proj", "audio_enc_to_dec_proj")] = tensor
        elif name.endswith("in_proj_weight"):
            parts = zip("qkv", tensor.chunk(3), strict=True)
            place = ours.removesuffix("in_proj_weight")
            back |= {f"style_conditioner.{place}{part}_proj.weight": rows for part, rows in parts}
        else:
            back[f"style_conditioner.{ours}"] = tensor
    held = {
        name: tensor
        for name, tensor in state.items()
        if name.startswith(("style_conditioner.", "audio_enc_to_dec_proj."))
    }
    assert held.keys() == back.keys()
    for name, tensor in held.items():
        assert torch.equal(tensor, back[name]), name


def test_configuration_comes_from_the_tensors_and_audiocrafts_settings(style_folder: Path) -> None:
    configuration = open_checkpoint(style_folder).configuration
    style = configuration.style
    assert style is not None
    assert (style.hidden_size, style.heads, style.layers, style.feed_forward_size) == (32, 8, 2, 128)
    assert (style.codebook_size, style.codebooks, style.usual_codebooks, style.stride) == (64, 6, 3, 15)
    assert (style.excerpt_seconds, style.vectors) == (3.0, 15)
    assert configuration.decoder.layers == 3
    assert configuration.decoder.guidance_rows == 3
    assert configuration.decoder.prefix_positions == 15 + 256
    assert not configuration.decoder.cross_attention


def test_both_spellings_of_merts_normed_convolution_are_read(copy: Path, style_folder: Path) -> None:
    encoder = copy / "style_encoder"
    old = load_file(encoder / "model.safetensors")
    assert "encoder.pos_conv_embed.conv.weight_g" in old
    assert old["encoder.pos_conv_embed.conv.weight_g"].shape == (1, 1, 16)
    save_file(encoder_state(build_encoder()), encoder / "model.safetensors")
    assert "encoder.pos_conv_embed.conv.weight_g" not in load_file(encoder / "model.safetensors")
    name = "style_encoder.encoder.pos_conv_embed.conv.weight"
    new, usual = (load_model(open_checkpoint(folder)).state_dict()[name] for folder in (copy, style_folder))
    assert torch.equal(new, usual)


@pytest.mark.slow
def test_children_convert_a_style_model_and_its_encoder_once(
    folder: Callable[[str], Path], reference: Callable[[str], Any], style_folder: Path, tmp_path: Path
) -> None:
    path = write_style_model(tmp_path / "musicgen-style", folder("melody"), reference("melody"))
    ours, usual = (load_model(one).state_dict() for one in (checked(path, tmp_path), open_checkpoint(style_folder)))
    assert ours.keys() == usual.keys()
    assert all(torch.equal(tensor, usual[name]) for name, tensor in ours.items())
    kept = [entry for entry in (tmp_path / CACHE_FOLDER).iterdir() if entry.is_dir()]
    assert len(kept) == 2
    for entry in kept:
        (entry / "mark").touch()
    checked(path, tmp_path)
    assert all((entry / "mark").exists() for entry in kept)


def test_a_pickle_is_kept_by_its_own_content_and_its_configuration(tmp_path: Path) -> None:
    encoder, model = tmp_path / "encoder", tmp_path / "model"
    for folder, name in ((encoder, "pytorch_model.bin"), (model, "state_dict.bin")):
        folder.mkdir()
        torch.save({"a": torch.zeros(1)}, folder / name)
    keys = []
    for layers in (2, 3):
        (encoder / "config.json").write_text(json.dumps({"num_hidden_layers": layers}))
        keys.append(content_key(encoder))
    torch.save({"a": torch.ones(1)}, encoder / "pytorch_model.bin")
    assert len({*keys, content_key(encoder)}) == 3
    usual = content_key(model)
    # Other files that a hub has beside audiocraft's say nothing about it.
    (model / "pytorch_model.bin").write_bytes(b"of another layout")
    assert content_key(model) == usual


@pytest.mark.slow
def test_pickle_bomb_in_the_encoders_folder_is_refused_and_does_not_go_off(copy: Path, tmp_path: Path) -> None:
    mark = tmp_path / "went off"
    (copy / "style_encoder" / "model.safetensors").unlink()
    torch.save({"masked_spec_embed": torch.zeros(24), "x": Bomb(mark)}, copy / "style_encoder" / "pytorch_model.bin")
    assert "more than weights" in refusal(copy)
    assert not mark.exists()


def test_something_beside_tensors_in_the_encoders_pickle_is_refused(copy: Path, tmp_path: Path) -> None:
    encoder = copy / "style_encoder"
    for content, reason in (({"a": 1}, "beside tensors"), ([1], "table"), ({}, "no weights")):
        torch.save(content, encoder / "pytorch_model.bin")
        with pytest.raises(Refused, match=reason):
            convert(encoder, tmp_path / "target")
    torch.save({"a": torch.zeros(1)}, encoder / "pytorch_model.bin")
    (encoder / "config.json").write_text("{")
    with pytest.raises(Refused, match="config"):
        convert(encoder, tmp_path / "target")
    assert not (tmp_path / "target").exists()


def test_style_model_without_its_encoder_says_what_to_put_where(copy: Path) -> None:
    shutil.rmtree(copy / "style_encoder")
    message = refusal(copy)
    assert "style encoder “MERT-v1-95M” is not there" in message
    assert "style_encoder/" in message


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"model_type": "wav2vec2"}, "wav2vec2"),
        ({"feature_extractor_cqt": True}, "cqt"),
        ({"do_stable_layer_norm": True}, "stable"),
        ({"conv_stride": [5, 8]}, "different counts"),
        ({"num_hidden_layers": 3}, "missing"),
        ({"num_conv_pos_embeddings": 8}, "shape"),
        ({"hidden_size": 10**9}, "no MusicGen"),
        ({"conv_kernel": [8000, 9, 8], "conv_stride": [4000, 64, 64]}, "so short"),
        ({"conv_stride": [1, 1, 1]}, "71,976 frames"),
    ],
)
def test_encoder_of_another_shape_is_refused(changed: dict[str, Any], reason: str, copy: Path) -> None:
    document = {**encoder_document(build_encoder()), **changed}
    (copy / "style_encoder" / "config.json").write_text(json.dumps(document))
    assert reason in refusal(copy)


def test_variances_below_zero_are_refused(copy: Path) -> None:
    state = load_file(copy / "model.safetensors")
    state["style_conditioner.batch_norm.running_var"][3] = -1e-3
    save_file(state, copy / "model.safetensors")
    assert "variances below zero" in refusal(copy)


def test_settings_of_another_conditioner_are_refused(
    folder: Callable[[str], Path], reference: Callable[[str], Any], tmp_path: Path
) -> None:
    path = write_style_model(tmp_path / "style", folder("melody"), reference("melody"))
    content = torch.load(path / "state_dict.bin", weights_only=True)
    cross = style_settings()
    cross["fuser"] = {"prepend": ["self_wav"], "cross": ["description"]}
    nothing = style_settings()
    nothing["fuser"] = {}
    for settings, reason in (
        (style_settings(model_name="encodec"), "encodec"),
        (style_settings(transformer_scale="none"), "none"),
        (cross, "in front of the song"),
        (nothing, "lack 'prepend'"),
        (style_settings(eval_q=float("inf")), "infinity"),
        (style_settings(length="long"), "long"),
    ):
        told = yaml.safe_dump(yaml.safe_load(content["xp.cfg"]) | settings)
        torch.save({**content, "xp.cfg": told}, path / "state_dict.bin")
        with pytest.raises(Refused, match=reason):
            convert(path, tmp_path / "target")


def test_the_shelf_knows_a_style_model_by_what_it_holds(style_folder: Path) -> None:
    found = describe_folder(style_folder, style_folder.parent)
    assert found is not None
    assert found.id == "musicgen-style"
    assert "style" in found.conditioning
    assert {"style_id", "guidance_beta", "style_codebooks"} <= set(found.parameters)
    assert "melody_id" not in found.parameters
    assert not found.commercial_use
    assert any("MERT" in credit for credit in found.attributions)
