"""Draw a debug-model song streamed and in one shot, and what differs: `python scripts/draw_streamed_song.py OUT.png`.

The streamed song comes from the engine frame by frame through the incremental codec; the other one decodes all its
frames at once. Prints the largest difference of their samples and of their spectrograms.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import matplotlib as mpl
import numpy as np
import torch
from scipy.signal import stft

mpl.use("Agg")
from matplotlib import pyplot as plt

from services.generation.engine.engine import Engine, StepOutput
from services.generation.engine.request import Cue, EngineRequest, SamplingParameters
from services.generation.engine.runner import TorchRunner
from services.generation.engine.scheduler import Scheduler
from services.generation.engine.streamer import Streamer
from services.generation.engine.timeline import Timeline, Tokens, Windows
from services.generation.models import debug
from services.generation.musicgen.audio_codec import AudioCodec
from services.generation.musicgen.conditioning import Conditioner
from services.generation.musicgen.text_conditioner import HashTokenizer

SECONDS = 8
FLOOR_DB = -100.0


def song() -> tuple[np.ndarray, np.ndarray, int]:
    """A song streamed and in one shot, each `[samples]`, and its sample rate."""
    model = debug.build()
    configuration = model.configuration
    codec = AudioCodec(model.audio_encoder, 1)
    condition = Conditioner(model, HashTokenizer(configuration.text.vocabulary)).conditions(["a song to look at"])[0]
    windows = Windows(configuration.window_frames, configuration.stride_frames)
    timeline = Timeline(model.pattern, configuration.decoder.pad_token, SECONDS * 50, windows)
    engine = Engine(Scheduler(1), TorchRunner(model.decoder, 1))
    engine.add(EngineRequest("song", timeline, [Cue(0, condition)], SamplingParameters(seed=7)))
    streamer = Streamer(codec, configuration.decoder.codebooks)
    frames: list[Tokens] = []
    pieces = []
    while not engine.idle:
        for output in engine.step():
            if isinstance(output, StepOutput):
                frames += output.frames
                piece = streamer.push(output.frames, output.finished)
                if piece is not None:
                    pieces.append(piece)
    whole = codec.decode(torch.tensor(frames).T).numpy()[0]
    return np.concatenate(pieces)[:, 0], whole, configuration.codec.sample_rate


def decibels(audio: np.ndarray, rate: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Times, frequencies and levels of a spectrogram, 0 dB its loudest point in full scale."""
    frequencies, times, values = stft(audio, rate, nperseg=1024)
    return times, frequencies, np.maximum(FLOOR_DB, 20 * np.log10(np.abs(values) + 1e-12))


def main(path: Path) -> None:
    """Draw three spectrograms above each other."""
    streamed, whole, rate = song()
    difference = streamed - whole
    spectra = [decibels(audio, rate) for audio in (streamed, whole, difference)]
    print(f"samples: {len(streamed):,} and {len(whole):,}; largest difference {np.abs(difference).max():.2e}")
    print(f"relative to the loudest sample: {20 * np.log10(np.abs(difference).max() / np.abs(whole).max()):.1f} dB")
    print(f"spectrograms: largest level difference {np.abs(spectra[0][2] - spectra[1][2]).max():.4f} dB")
    figure, axes = plt.subplots(3, 1, figsize=(7, 6), sharex=True, layout="constrained")
    titles = ("streamed", "one shot", "streamed − one shot")
    for axis, title, (times, frequencies, levels) in zip(axes, titles, spectra, strict=True):
        edges = (times[0], times[-1], 0.0, frequencies[-1] / 1000)
        picture = axis.imshow(
            levels, vmin=FLOOR_DB, vmax=0.0, extent=edges, origin="lower", aspect="auto", interpolation="antialiased"
        )
        axis.set(title=title, ylabel="kHz")
        figure.colorbar(picture, ax=axis, label="dB")
    axes[-1].set_xlabel("seconds")
    figure.savefig(path, dpi=55)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Draw a debug-model song streamed and in one shot.")
    parser.add_argument("picture", type=Path, help="the PNG file that is written")
    main(parser.parse_args().picture)
