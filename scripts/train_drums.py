"""Train the drum network of `services/processing/transcription`: `python scripts/train_drums.py [--clips 80]`.

Renders random patterns with the composer's SoundFont, some kits kept out for validation, and writes
`drums.safetensors`. About four minutes; needs `python scripts/fetch_assets.py` and the generation extra.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from safetensors.numpy import save_file
from torch import nn

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from services.processing.transcription.drums import (  # noqa: E402
    FRAME_SECONDS,
    KEYS,
    DrumNetwork,
    features,
    hits,
    levels_of,
)
from tests.support.drum_patterns import matched_f1, random_pattern  # noqa: E402
from tests.support.rendered_midi import render, sound_bank  # noqa: E402

TARGET = ROOT / "services/processing/transcription/drums.safetensors"
TRAINING_KITS = (0, 1, 2, 4, 7, 8, 9, 10, 11, 13, 14, 16, 19, 24, 25, 32, 33, 35, 40)
# Never used by a test either: the tests have kits of their own.
VALIDATION_KITS = (6, 15, 36)
WIDTH, TAPS, STEPS, BATCH, CROP = 48, 5, 2_500, 16, 128


class Network(nn.Module):
    """The torch twin of `DrumNetwork`, for training."""

    def __init__(self, inputs: int) -> None:
        super().__init__()
        sizes = (inputs, WIDTH, WIDTH, WIDTH)
        self.layers = nn.ModuleList(nn.Conv1d(a, b, TAPS, padding=TAPS // 2) for a, b in pairwise(sizes))
        self.layers.append(nn.Conv1d(WIDTH, len(KEYS), 1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """`[B, T, inputs]` → logits `[B, T, drums]`."""
        x = x.transpose(1, 2)
        for layer in self.layers[:-1]:
            x = nn.functional.dropout(torch.relu(layer(x)), 0.1, self.training)
        return self.layers[-1](x).transpose(1, 2)


def make_clip(bank: object, rng: random.Random, kits: tuple[int, ...]) -> tuple[np.ndarray, list]:
    """Mel levels of a varied recording, and its hits."""
    pattern = random_pattern(rng, seconds=16.0)
    audio = render(bank, pattern, rng.choice(kits), drums=True).mean(axis=1)
    noise = np.random.default_rng(rng.getrandbits(32))
    spectrum = np.fft.rfft(audio)
    octaves = np.log2(np.maximum(np.arange(len(spectrum)), 1) / len(spectrum)) + 5.0
    audio = np.fft.irfft(spectrum * 10.0 ** (rng.uniform(-2.0, 2.0) * octaves / 20.0), len(audio)).astype(np.float32)
    audio = np.tanh(audio * rng.choice((0.5, 1.0, 2.0, 4.0))) * rng.uniform(0.1, 0.9)
    audio += noise.standard_normal(len(audio)).astype(np.float32) * 10.0 ** rng.uniform(-5.0, -2.5)
    return levels_of(iter([audio.astype(np.float32)])), pattern


def targets(levels: np.ndarray, pattern: list) -> np.ndarray:
    """1 at a hit, less beside it: a frame more or less is not wrong."""
    wanted = np.zeros((len(levels), len(KEYS)), np.float32)
    for note in pattern:
        frame = round(note.start / FRAME_SECONDS)
        for drum, keys in enumerate(KEYS):
            if note.pitch in keys:
                for offset, value in ((-1, 0.5), (1, 0.5), (0, 1.0)):
                    if 0 <= frame + offset < len(wanted):
                        wanted[frame + offset, drum] = max(wanted[frame + offset, drum], value)
    return wanted


def export(model: Network, mean: np.ndarray, scale: np.ndarray) -> dict[str, np.ndarray]:
    """Weights as `DrumNetwork` reads them."""
    weights = {"mean": mean.astype(np.float32), "scale": scale.astype(np.float32)}
    for number, layer in enumerate(model.layers):
        weights[f"c{number}.w"] = np.ascontiguousarray(layer.weight.detach().numpy().transpose(0, 2, 1))
        weights[f"c{number}.b"] = layer.bias.detach().numpy()
    return weights


def main() -> None:
    """Render, train, validate, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clips", type=int, default=80)
    arguments = parser.parse_args()
    rng, bank, began = random.Random(2_024), sound_bank(), time.monotonic()  # noqa: S311 — no secret
    torch.manual_seed(2_024)
    clips = [make_clip(bank, rng, TRAINING_KITS) for _ in range(arguments.clips)]
    validation = [make_clip(bank, rng, VALIDATION_KITS) for _ in range(9)]
    print(f"rendered in {time.monotonic() - began:.0f} s", flush=True)
    inputs = [features(levels) for levels, _ in clips]
    wanted = [targets(levels, pattern) for levels, pattern in clips]
    stacked = np.concatenate(inputs)
    mean, scale = stacked.mean(axis=0), 1.0 / (stacked.std(axis=0) + 1e-3)
    model = Network(stacked.shape[1])
    optimizer = torch.optim.AdamW(model.parameters(), 2e-3, weight_decay=1e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 4e-3, STEPS)
    for step in range(STEPS):
        xs, ys = [], []
        for _ in range(BATCH):
            clip = rng.randrange(len(clips))
            start = rng.randrange(len(inputs[clip]) - CROP)
            # A louder or softer recording is a shift of its logarithmic levels.
            xs.append((inputs[clip][start : start + CROP] - mean) * scale)
            ys.append(wanted[clip][start : start + CROP])
        x, y = torch.from_numpy(np.stack(xs).astype(np.float32)), torch.from_numpy(np.stack(ys))
        loss = nn.functional.binary_cross_entropy_with_logits(model(x), y, pos_weight=torch.tensor(2.0))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        if step % 500 == 499:
            print(f"step {step + 1} loss {loss.item():.4f} {time.monotonic() - began:.0f} s", flush=True)
    weights = export(model.eval(), mean, scale)
    network = DrumNetwork(weights)
    heard = [(network.activations(levels), levels, pattern) for levels, pattern in validation]
    for threshold in (0.3, 0.4, 0.5, 0.6, 0.7):
        scores = [
            matched_f1(hits(activation, levels, threshold), pattern, KEYS) for activation, levels, pattern in heard
        ]
        print(f"threshold {threshold}: F1 {np.mean(scores):.3f}, worst clip {min(scores):.3f}")
    save_file({name: np.ascontiguousarray(value.astype(np.float16)) for name, value in weights.items()}, TARGET)
    print(f"wrote {TARGET} ({TARGET.stat().st_size} bytes) in {time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    main()
