"""Pictures of the report: spectra in their bands, the spread of levels, spectrograms."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib as mpl

mpl.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

from composer_measures import sound, spectra
from composer_measures.targets import TARGETS

Row = Mapping[str, float]


def spectrogram(audio: spectra.Float, title: str, path: Path) -> None:
    """One song's spectrogram."""
    figure, axis = plt.subplots(figsize=(7, 2.6))
    axis.specgram(audio.mean(axis=1) + 1e-9, NFFT=4096, Fs=sound.RATE, noverlap=2048, vmin=-140, cmap="magma")
    axis.set(yscale="symlog", ylim=(30, 20_000), title=title, xlabel="s", ylabel="Hz")
    figure.savefig(path, dpi=60, bbox_inches="tight")
    plt.close(figure)


def side_by_side(pictures: Sequence[Path], path: Path) -> None:
    """Some pictures on one sheet, two in a row."""
    figure, axes = plt.subplots(math.ceil(len(pictures) / 2), 2, figsize=(12, 2.4 * math.ceil(len(pictures) / 2)))
    for axis, picture in zip(axes.flat, pictures, strict=False):
        axis.imshow(plt.imread(picture))
    for axis in axes.flat:
        axis.axis("off")
    figure.tight_layout()
    figure.savefig(path, dpi=75)
    plt.close(figure)


def balance(songs: Mapping[str, Sequence[Row]], path: Path) -> None:
    """Each style's songs in its band of reference curves."""
    names = sorted(songs)
    figure, axes = plt.subplots(math.ceil(len(names) / 7), 7, figsize=(15, 2.1 * math.ceil(len(names) / 7)))
    places = np.arange(len(spectra.OCTAVES_HZ))
    for axis, name in zip(axes.flat, names, strict=False):
        band = spectra.band_of(name)
        if band is None:
            continue
        known = len(band.low)
        axis.fill_between(places[:known], band.low, band.high, color="0.85")
        for row in songs[name]:
            levels = np.array([row[f"octave_{centre:g}"] for centre in spectra.OCTAVES_HZ])
            axis.plot(places, levels - levels[:known].mean() + band.middle.mean(), color="tab:blue", alpha=0.6, lw=1)
        axis.set_title(name, fontsize=8)
        axis.set_ylim(-40, 30)
        axis.set_xticks(places[::2], ["63", "250", "1k", "4k"], fontsize=6)
        axis.tick_params(axis="y", labelsize=6)
    for axis in axes.flat[len(names) :]:
        axis.axis("off")
    figure.tight_layout()
    figure.savefig(path, dpi=70)
    plt.close(figure)


def spread(songs: Mapping[str, Sequence[Row]], measures: Sequence[str], path: Path) -> None:
    """Each song's figures by style, and between which lines they must lie."""
    names = sorted(songs)
    figure, axes = plt.subplots(len(measures), 1, figsize=(12, 1.9 * len(measures)), sharex=True)
    for axis, measure in zip(np.atleast_1d(axes), measures, strict=True):
        for place, name in enumerate(names):
            values = [row[measure] for row in songs[name] if not math.isnan(row[measure])]
            axis.plot([place] * len(values), values, ".", color="tab:blue", alpha=0.6)
        for limit in TARGETS[measure]:
            if abs(limit) < 90:
                axis.axhline(limit, color="tab:red", lw=0.8)
        axis.set_ylabel(measure, fontsize=7)
        axis.tick_params(labelsize=6)
    axes[-1].set_xticks(range(len(names)), names, rotation=60, fontsize=7)
    figure.tight_layout()
    figure.savefig(path, dpi=70)
    plt.close(figure)
