"""Where models come from: the notation, and which of a repository's files a model needs."""

import hashlib
from pathlib import Path

import pytest

from services.generation.catalogue import CatalogueTexts
from services.generation.models.shelf import KNOWN
from services.generation.pulls.source import ModelSource, needed
from services.shared.assets.hub import ModelFile
from services.shared.errors import AppError, ErrorCode

ROOT = Path(__file__).parents[4]


def files(*names: str) -> list[ModelFile]:
    return [ModelFile(name, 10, f"https://hub/{name}", git_sha1="0" * 40) for name in names]


@pytest.mark.parametrize("text", ["hf:facebook/musicgen-small@main", "hf:a/b@v1.0", "file:/srv/models/mine"])
def test_notation_is_read_and_said_again(text: str) -> None:
    assert str(ModelSource.parse(text)) == text


@pytest.mark.parametrize(
    "text", ["", "hf:facebook@main", "hf:a/b", "hf:a/b/c@main", "file:models", "https://hub/a", "hf:../b@main/../x", 7]
)
def test_what_is_no_source_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="source"):
        ModelSource.parse(str(text))


def test_every_known_model_whose_parts_lie_in_one_repository_has_a_source() -> None:
    sources = CatalogueTexts.read(ROOT / "configs" / "models.yaml").sources
    known = KNOWN.keys() - {"musicgen-style"}
    assert sources.keys() == known
    assert {str(ModelSource.parse(text)) for text in sources.values()} == {f"hf:facebook/{name}@main" for name in known}


def test_safetensors_win_and_pickles_of_the_other_layout_stay_away() -> None:
    listed = files(
        "README.md",
        "config.json",
        "tokenizer.json",
        "spiece.model",
        "pytorch_model.bin",
        "state_dict.bin",
        "compression_state_dict.bin",
        "model-00001-of-00002.safetensors",
        "model-00002-of-00002.safetensors",
        "model.safetensors.index.json",
        "samples/one.safetensors",
        "../outside.json",
        ".hidden.json",
    )
    assert {file.name for file in needed(listed)} == {
        "config.json",
        "tokenizer.json",
        "spiece.model",
        "model-00001-of-00002.safetensors",
        "model-00002-of-00002.safetensors",
        "model.safetensors.index.json",
    }


def test_audiocrafts_pair_is_taken_where_there_is_nothing_else_and_only_as_a_pair() -> None:
    pair = files("state_dict.bin", "compression_state_dict.bin", "pytorch_model.bin")
    assert {file.name for file in needed(pair)} == {"state_dict.bin", "compression_state_dict.bin"}
    assert needed(files("state_dict.bin", "config.json")) == ()
    assert needed(files("pytorch_model.bin", "config.json")) == ()


def test_hashes_are_the_hubs_own(tmp_path: Path) -> None:
    path = tmp_path / "hello"
    path.write_bytes(b"hello\n")
    # What `git hash-object` says of these six bytes.
    by_git = ModelFile("hello", 6, "", git_sha1="ce013625030ba8dba906f756967f9e9ca394464a")
    by_sha256 = ModelFile("hello", 6, "", sha256=hashlib.sha256(b"hello\n").hexdigest())
    assert by_git.is_whole(path)
    assert by_sha256.is_whole(path)
    path.write_bytes(b"hellO\n")
    assert not by_git.is_whole(path)
    assert not by_sha256.is_whole(path)
    assert not by_git.is_whole(tmp_path / "nowhere")


def test_folder_without_weights_and_folder_that_is_gone_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(AppError, match="no weights") as caught:
        ModelSource.parse(f"file:{tmp_path}").list()
    assert caught.value.code is ErrorCode.MODEL_NOT_INSTALLED
    with pytest.raises(AppError, match="cannot be read") as caught:
        ModelSource.parse(f"file:{tmp_path}/gone").list()
    assert caught.value.code is ErrorCode.UNAVAILABLE
