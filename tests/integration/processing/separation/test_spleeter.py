"""Spleeter with its real weights: bit-equal, and as good as the reference on a real song."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pytest
import soundfile

from services.processing.separation.spleeter import Spleeter
from services.processing.separation.spleeter_network import _our_name, load_unet
from services.shared.errors import AppError
from tests.support import spleeter_reference as reference

RATE = 44_100


class ArrayMix:
    """A mix in memory."""

    def __init__(self, samples: np.ndarray) -> None:
        self._samples = np.ascontiguousarray(samples, np.float32)
        self.frames = len(samples)

    def blocks(self, check: Callable[[], None]) -> Iterator[np.ndarray]:
        for start in range(0, self.frames, 65_536):
            check()
            yield self._samples[start : start + 65_536]


@pytest.fixture(scope="module")
def excerpt() -> np.ndarray:
    samples, rate = soundfile.read(reference.store().fetch(reference.EXCERPT), dtype="float32", always_2d=True)
    assert rate == RATE
    return samples


def spleeter(high_band: str = "extend") -> Spleeter:
    vocals, accompaniment = (reference.store().fetch(name) for name in reference.WEIGHTS)
    return Spleeter((load_unet(vocals), load_unet(accompaniment)), "cpu", high_band)  # type: ignore[arg-type]


def separated(separator: Spleeter, mix: np.ndarray) -> np.ndarray:
    return np.concatenate(list(separator.separate(ArrayMix(mix), lambda: None)), axis=1)


def sdr(estimate: np.ndarray, truth: np.ndarray) -> float:
    return float(10 * np.log10((truth**2).sum() / ((estimate - truth) ** 2).sum()))


@pytest.mark.parametrize("name", reference.WEIGHTS)
def test_weights_are_the_published_ones_bit_for_bit(name: str) -> None:
    path = reference.store().fetch(name)
    ours, theirs = load_unet(path).state_dict(), reference.reference_arrays(path)
    assert len(theirs) == 74
    for theirs_name, array in theirs.items():
        assert ours[_our_name(theirs_name)].numpy().tobytes() == array.tobytes(), theirs_name
    trained = [key for key in ours if not key.endswith("num_batches_tracked")]
    assert len(trained) == len(theirs)


def test_real_song_is_separated_as_by_the_reference(excerpt: np.ndarray) -> None:
    mix = excerpt[2 * RATE : 5 * RATE]
    theirs = reference.separate_by_reference(mix)
    ours = separated(spleeter("silent"), mix)
    assert ours.shape == (2, len(mix), 2)
    assert np.abs(ours[:, : theirs.shape[1]] - theirs).max() < 1e-5


def test_high_band_follows_the_masks_instead_of_falling_silent(excerpt: np.ndarray) -> None:
    mix = excerpt[2 * RATE : 4 * RATE]
    made = separated(spleeter(), mix)
    spectrum = np.abs(np.fft.rfft(made.sum(axis=0), axis=0)) ** 2
    wanted = np.abs(np.fft.rfft(mix, axis=0)) ** 2
    above = slice(int(11_100 / RATE * len(mix)), int(15_000 / RATE * len(mix)))
    assert spectrum[above].sum() == pytest.approx(wanted[above].sum(), rel=0.01)


def test_file_that_is_no_checkpoint_is_refused(tmp_path) -> None:  # type: ignore[no-untyped-def]
    (tmp_path / "fake.ckpt").write_bytes(b"not a checkpoint")
    with pytest.raises(AppError, match=r"fake\.ckpt"):
        load_unet(tmp_path / "fake.ckpt")


@pytest.mark.slow
def test_whole_excerpt_and_three_segments_equal_the_reference(excerpt: np.ndarray) -> None:
    mix = np.concatenate((excerpt, excerpt[::-1], excerpt))[: 27 * RATE]
    theirs = reference.separate_by_reference(mix)
    ours = separated(spleeter("silent"), mix)[:, : theirs.shape[1]]
    assert np.abs(ours - theirs).max() < 1e-5
    for stem in range(2):
        print(f"stem {stem}: SDR of ours against the reference {sdr(ours[stem], theirs[stem]):.1f} dB")
        assert sdr(ours[stem], theirs[stem]) > 80


def known_mixtures(excerpt: np.ndarray) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    """(name, voice, backing): a real voice over backings that it never sang to.

    The voice is the excerpt's, as the reference finds it: nothing above 11 kHz. It gets sibilance up there, as voices
    have: noise with the envelope of the voice between 6 and 10 kHz.
    """
    noise = np.random.default_rng(5)
    voice = reference.separate_by_reference(excerpt)[0]
    t = np.arange(len(voice)) / RATE
    voice = voice + _sibilance(voice, noise)
    organ = sum(np.sin(2 * np.pi * f * t) / (i + 1) for i, f in enumerate((110, 138.6, 164.8, 220, 277.2, 440)))
    hats = noise.standard_normal(len(t)) * np.exp(-((t % 0.25) / 0.03)) * 0.25
    kicks = np.sin(2 * np.pi * 55 * (t % 0.5)) * np.exp(-((t % 0.5) / 0.12)) * 2
    for name, mono in (("organ", organ), ("band", organ * 0.5 + hats + kicks)):
        backing = np.stack((mono, np.roll(mono, 331)), axis=1)
        backing *= np.sqrt((voice**2).mean() / (backing**2).mean())
        yield name, voice.astype(np.float32), backing.astype(np.float32)


def _sibilance(voice: np.ndarray, noise: np.random.Generator) -> np.ndarray:
    def band(x: np.ndarray, low: float, high: float) -> np.ndarray:
        spectrum, hertz = np.fft.rfft(x, axis=0), np.fft.rfftfreq(len(x), 1 / RATE)
        spectrum[(hertz < low) | (hertz > high)] = 0
        return np.fft.irfft(spectrum, len(x), axis=0)

    envelope = np.abs(band(voice, 6_000, 10_000)).mean(axis=1)
    smooth = np.convolve(envelope, np.ones(441) / 441, "same")[:, None]
    return band(noise.standard_normal(voice.shape), 11_000, 16_000) * smooth


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_on_mixtures_with_known_sources_sdr_is_no_worse_than_the_references(excerpt: np.ndarray) -> None:
    for name, voice, backing in known_mixtures(excerpt[: 8 * RATE]):
        theirs = reference.separate_by_reference(voice + backing)
        same = separated(spleeter("silent"), voice + backing)[:, : theirs.shape[1]]
        ours = separated(spleeter(), voice + backing)[:, : theirs.shape[1]]
        for stem, truth in enumerate((voice, backing)):
            known = truth[: theirs.shape[1]]
            mine, plain, his = (sdr(each[stem], known) for each in (ours, same, theirs))
            print(f"{name} stem {stem}: SDR {mine:.2f} dB, its way {plain:.2f} dB, reference {his:.2f} dB")
            assert abs(plain - his) < 0.01
            assert mine > his - 0.1
