"""Make the songs of the landing page with a running platform: `python scripts/make_examples.py http://127.0.0.1:8000`.

The platform has to run in single-user mode. Writes `frontend/public/examples/<id>.mp3` and `peaks.json`, which holds
the loudest sample of each of 240 equal parts as 0…255, for the mix and for every stem.
"""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path
from typing import Any

import httpx
import lameenc
import numpy as np
import soundfile
from numpy.typing import NDArray

FOLDER = Path(__file__).resolve().parent.parent / "frontend" / "public" / "examples"
SECONDS = 24
POINTS = 240
KILOBITS = 112
# The same words as in frontend/src/lib/examples.ts.
EXAMPLES = {
    "example-lofi": ("rainy-night lofi, dusty piano, 80 bpm", 7),
    "example-bossa": ("bossa nova on a warm terrace, nylon guitar and flute", 3),
    "example-epic": ("epic orchestra, strings rising to a triumphant brass theme", 11),
}


def peaks(audio: NDArray[np.float32], loudest: float) -> list[int]:
    """The loudest sample of each part of `audio` [samples, channels], relative to `loudest`."""
    parts = np.array_split(np.abs(audio).max(axis=1), POINTS)
    return [min(255, round(float(part.max()) / loudest * 255)) for part in parts]


def make(client: httpx.Client, prompt: str, seed: int) -> dict[str, Any]:
    """One song; the finished track."""
    job = client.post("/generate", json={"prompt": prompt, "seed": seed, "duration": SECONDS}).raise_for_status().json()
    while job["status"] in {"queued", "running"}:
        job = client.get(f"/jobs/{job['id']}", params={"wait": 60}).raise_for_status().json()
    track: dict[str, Any] = client.get(f"/tracks/{job['result']['track_ids'][0]}").raise_for_status().json()
    return track


def read(client: httpx.Client, path: str) -> tuple[NDArray[np.float32], int]:
    """Audio of the platform as samples [samples, channels] and their rate."""
    data = client.get(path, params={"format": "flac"}).raise_for_status().content
    audio, rate = soundfile.read(io.BytesIO(data), dtype="float32", always_2d=True)
    return audio, rate


def main(url: str) -> None:
    """Make all of them."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    found = {}
    with httpx.Client(base_url=f"{url}/api/v1", timeout=120) as client:
        for name, (prompt, seed) in EXAMPLES.items():
            track = make(client, prompt, seed)
            audio, rate = read(client, f"/tracks/{track['id']}/audio")
            encoder = lameenc.Encoder()
            encoder.set_bit_rate(KILOBITS)
            encoder.set_in_sample_rate(rate)
            encoder.set_channels(2)
            encoder.set_quality(2)
            encoder.silence()
            pcm = (np.clip(audio, -1, 1) * 32767).astype("<i2")
            (FOLDER / f"{name}.mp3").write_bytes(bytes(encoder.encode(pcm.tobytes()) + encoder.flush()))
            stems = {stem: read(client, f"/tracks/{track['id']}/stems/{stem}/audio")[0] for stem in track["stems"]}
            loudest = float(np.abs(audio).max())
            loudest_stem = max(float(np.abs(stem).max()) for stem in stems.values())
            found[name] = {
                "mix": peaks(audio, loudest),
                "stems": {stem: peaks(samples, loudest_stem) for stem, samples in stems.items()},
            }
            print(f"{name}: {track['title']}, {track['bpm']:g} bpm, {track['key']}")
    (FOLDER / "peaks.json").write_text(json.dumps(found, separators=(",", ":")) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "http://127.0.0.1:8000")
