"""Finding plug-ins: a broken one is left out, a good one is found by its entry point."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.generation.backends.protocol import BackendEnvironment
from services.generation.backends.registry import GROUP, find_backends
from services.generation.models.shelf import KNOWN

ENVIRONMENT = BackendEnvironment(Path("/nonexistent"), Path("/nonexistent"))


@pytest.fixture
def plug_ins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An installed distribution with three entry points, of which one can be loaded."""
    metadata = tmp_path / "more_music-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: more-music\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(
        f"[{GROUP}]\n"
        "tone = tests.support.backends:ToneBackend\n"
        "broken = no_such_module:Backend\n"
        "nameless = tests.support.backends:NoSuchBackend\n"
    )
    monkeypatch.syspath_prepend(tmp_path)


@pytest.mark.usefixtures("plug_ins")
def test_broken_plug_in_takes_nobody_with_it() -> None:
    models = [m.id for backend in find_backends(ENVIRONMENT) for m in backend.describe()]
    assert [m for m in models if m not in KNOWN] == ["composer", "musicgen-debug", "tone"]
