"""What a separation may be asked for."""

from __future__ import annotations

import subprocess
import sys

import pytest

from services.processing.jobs.kind import LicenceTerms
from services.processing.separation.job import KIND, licence_of
from services.shared.errors import AppError, ErrorCode


def _violations(**body: object) -> dict[str, str]:
    with pytest.raises(AppError) as caught:
        KIND.parse({"track_id": "t", **body})
    assert caught.value.code is ErrorCode.VALIDATION
    return {item.pointer: item.detail for item in caught.value.violations}


def test_only_the_track_has_to_be_said() -> None:
    request = KIND.parse({"track_id": "t"})
    assert (request.model, request.stems, request.residual) == ("spleeter-2stems", None, "fold")  # type: ignore[attr-defined]
    (wanted,) = KIND.wanted(request)
    assert (wanted.track_id, wanted.master, wanted.stems) == ("t", True, ())


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"model": "magic"}, "/model"),
        ({"model": "roformer:mine"}, "/model"),
        ({"stems": []}, "/stems"),
        ({"stems": ["vocals", "vocals"]}, "/stems"),
        ({"stems": ["drums"]}, "/stems/0"),
        ({"preset": "karaoke", "stems": ["vocals"]}, "/stems"),
        ({"guide_vocals_db": -20}, "/guide_vocals_db"),
        ({"preset": "karaoke", "guide_vocals_db": float("nan")}, "/guide_vocals_db"),
        ({"weights": {"vocals": {"htdemucs": 1}}}, "/weights"),
        ({"model": "hybrid", "weights": {"kazoo": {"htdemucs": 1}}}, "/weights/kazoo"),
        ({"model": "hybrid", "weights": {"drums": {"spleeter-2stems": 1}}}, "/weights/drums"),
        ({"model": "hybrid", "weights": {"vocals": {"htdemucs": 0}}}, "/weights/vocals"),
        ({"model": "hybrid", "weights": {"vocals": {"umx": 1}}}, "/weights/vocals"),
        ({"residual": "keep"}, "/residual"),
        ({"surprise": 1}, "/surprise"),
    ],
)
def test_what_cannot_be_done_is_refused_where_it_stands(body: dict[str, object], pointer: str) -> None:
    assert pointer in _violations(**body)


@pytest.mark.parametrize("stem", ["vocals", "drums", "bass", "other", "guitar", "piano", "accompaniment"])
def test_six_stem_model_takes_each_of_its_stems(stem: str) -> None:
    assert KIND.parse({"track_id": "t", "model": "htdemucs_6s", "stems": [stem]})


def test_stem_keeps_the_licence_of_its_source() -> None:
    source = LicenceTerms("CC-BY-4.0", True, ("Somebody",))
    assert licence_of("spleeter-2stems", source) == source


def test_checking_a_request_loads_neither_torch_nor_onnxruntime() -> None:
    code = (
        "import sys;"
        "from services.processing.separation.job import KIND as s;"
        "from services.processing.transcription.job import KIND as t;"
        "s.parse({'track_id':'x','model':'hybrid'}); t.parse({'track_id':'x','quantize':{'grid':'1/8T'}});"
        "print(sorted({'torch','onnxruntime','scipy','demucs_infer','numpy'} & set(sys.modules)))"
    )
    made = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert made.stdout.strip() == "[]", made.stdout + made.stderr
