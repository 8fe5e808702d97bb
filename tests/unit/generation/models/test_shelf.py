"""The models folder: what is known, what is there, what it is called."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from services.generation.models.shelf import KNOWN, ModelShelf, describe_folder, fingerprint, model_id


def test_known_models_are_listed_as_not_installed_and_not_for_sale(tmp_path: Path) -> None:
    models = ModelShelf(tmp_path / "nothing").descriptions()
    assert [model.id for model in models] == list(KNOWN)
    assert {"musicgen-small", "musicgen-medium", "musicgen-large", "musicgen-melody", "musicgen-stereo-small"} <= set(
        KNOWN
    )
    assert not any(model.installed or model.commercial_use for model in models)
    assert {model.licence for model in models} == {"CC-BY-NC-4.0"}
    by_id = {model.id: model for model in models}
    assert by_id["musicgen-stereo-medium"].channels == 2
    assert "melody_id" in by_id["musicgen-melody"].parameters
    assert "melody_id" not in by_id["musicgen-small"].parameters
    # The published file is 2.36 GB.
    assert by_id["musicgen-small"].size_bytes == pytest.approx(2.36e9, rel=0.05)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("musicgen-small", "musicgen-small"),
        ("facebook--musicgen-small", "musicgen-small"),
        ("models--facebook--musicgen-stereo-large", "musicgen-stereo-large"),
        ("small", "musicgen-small"),
        ("My Own Model", "musicgen-my-own-model"),
    ],
)
def test_folder_names_become_ids(name: str, expected: str) -> None:
    assert model_id(name) == expected


def test_folders_and_links_become_installed_models(folder: Callable[[str], Path], tmp_path: Path) -> None:
    shelf = ModelShelf(tmp_path)
    shutil.copytree(folder("mono"), tmp_path / "facebook--musicgen-small")
    (tmp_path / "my-stereo").symlink_to(folder("stereo"))
    (tmp_path / "separation").mkdir()
    (tmp_path / ".converted").mkdir()
    models = {model.id: model for model in shelf.descriptions()}
    small, own = models["musicgen-small"], models["musicgen-my-stereo"]
    assert small.installed
    assert small.title == KNOWN["musicgen-small"].title
    assert small.size_bytes == (folder("mono") / "model.safetensors").stat().st_size
    assert (own.installed, own.channels, own.licence) == (True, 2, "unknown")
    assert shelf.find("musicgen-my-stereo") == tmp_path / "my-stereo"
    assert shelf.find("musicgen-large") is None
    assert len(models) == len(KNOWN) + 1


def test_model_that_goes_is_noticed(folder: Callable[[str], Path], tmp_path: Path) -> None:
    shelf = ModelShelf(tmp_path)
    path = tmp_path / "mine"
    shutil.copytree(folder("mono"), path)
    assert shelf.find("musicgen-mine")
    shutil.rmtree(path)
    assert shelf.find("musicgen-mine") is None


def test_broken_folder_takes_nobody_with_it(folder: Callable[[str], Path], tmp_path: Path) -> None:
    shutil.copytree(folder("mono"), tmp_path / "good")
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "config.json").write_text("{")
    (tmp_path / "bert").mkdir()
    (tmp_path / "bert" / "config.json").write_text(json.dumps({"model_type": "bert"}))
    (tmp_path / "file").touch()
    assert [m.id for m in ModelShelf(tmp_path).descriptions() if m.installed] == ["musicgen-good"]


def test_audiocraft_folder_says_by_its_name_what_it_is(tmp_path: Path) -> None:
    path = tmp_path / "musicgen-stereo-melody"
    path.mkdir()
    (path / "state_dict.bin").write_bytes(b"PK")
    model = describe_folder(path, tmp_path)
    assert model is not None
    assert (model.channels, "melody" in model.conditioning) == (2, True)
    assert describe_folder(tmp_path, tmp_path) is None


def test_revision_follows_the_weights(folder: Callable[[str], Path], tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(folder("mono"), copy)
    before = fingerprint(copy, tmp_path)
    assert before == fingerprint(folder("mono"), tmp_path)
    change_last_byte(copy / "model.safetensors")
    assert fingerprint(copy, tmp_path) != before


def test_revision_tells_fine_tuned_weights_from_those_that_they_began_with(
    folder: Callable[[str], Path], tmp_path: Path
) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(folder("mono"), copy)
    before = fingerprint(copy, tmp_path)
    state = load_file(copy / "model.safetensors")
    tuned = [name for name in state if ".self_attn.q_proj." in name]
    assert sum(state[name].numel() for name in tuned) < 0.02 * sum(map(torch.numel, state.values()))
    save_file(state | {name: state[name] + 0.01 for name in tuned}, copy / "model.safetensors")
    assert fingerprint(copy, tmp_path) != before


@pytest.mark.parametrize("part", ["text_encoder", "style_encoder"])
def test_revision_follows_parts_that_have_folders_of_their_own(part: str, style_folder: Path, tmp_path: Path) -> None:
    shelf = ModelShelf(tmp_path / "models")
    shutil.copytree(style_folder, tmp_path / "weights" / "style")
    shelf.folder.mkdir()
    (shelf.folder / "style").symlink_to(tmp_path / "weights" / "style")

    def revision() -> str:
        return next(model.revision for model in shelf.descriptions() if model.id == "musicgen-style")

    before = revision()
    inside = tmp_path / "weights" / "style" / part
    change_last_byte(next(inside.glob("*.safetensors")))
    changed = revision()
    assert changed != before
    # The same part under its own name beside the folder, and in the models folder, is the same model.
    named = {"text_encoder": "t5-base", "style_encoder": "MERT-v1-95M"}[part]
    for place in (tmp_path / "weights" / named, shelf.folder / named):
        inside.rename(place)
        assert revision() == changed
        inside = place
    shutil.rmtree(inside)
    assert revision() not in {before, changed}


def test_revision_follows_the_parts_that_audiocraft_leaves_out(tmp_path: Path) -> None:
    published, part = tmp_path / "musicgen-small", tmp_path / "t5-base"
    for path, name in ((published, "state_dict.bin"), (published, "compression_state_dict.bin"), (part, "config.json")):
        path.mkdir(exist_ok=True)
        (path / name).write_bytes(b"PK" * 2**16)
    other = tmp_path / "encodec_32khz" / "config.json"
    other.parent.mkdir()
    other.write_bytes(b"{}")
    before = fingerprint(published, tmp_path)
    change_last_byte(other)
    # Its codec is its own.
    assert fingerprint(published, tmp_path) == before
    change_last_byte(part / "config.json")
    assert fingerprint(published, tmp_path) != before


def change_last_byte(path: Path) -> None:
    with path.open("r+b") as file:
        file.seek(-1, 2)
        last = file.read(1)
        file.seek(-1, 2)
        file.write(bytes([last[0] ^ 1]))
