"""Analysis and mastering of songs by the composer, through the real SoundFont: what is known against what is heard.

The weights of tempo and key were learned from songs of other seeds (`scripts/train_listening.py`).
"""

from __future__ import annotations

import numpy as np
import pytest

from services.generation.composer.genres.catalogue import GENRES
from services.processing.analysis.listening import listen
from services.processing.analysis.song import describe
from services.processing.mastering.engineer import master
from services.processing.mastering.presets import PRESETS
from services.processing.media.measuring import measure
from tests.support.composed_songs import Composer

FIRST_SEED = 5_000
SONGS = 60
MASTERED = 20
NAMES = {name: index for index, names in enumerate((
    ("C",), ("C#", "Db"), ("D",), ("Eb",), ("E",), ("F",), ("F#",), ("G",), ("G#", "Ab"), ("A",), ("Bb",), ("B",)
)) for name in names}  # fmt: skip


def no_check():
    """Nobody cancels."""


def heard(path):
    found = listen(path, musical=True, spectrogram=False, waveform=False, check=no_check, progress=lambda _done: None)
    return describe(found.frames)


def tempo_right(song, bpm):
    """Within 2 % of the tempo that is written or the one that is tapped (they differ in 6/8)."""
    return any(abs(bpm / wanted - 1.0) <= 0.02 for wanted in (song.bpm, song.felt_bpm))


def key_right(song, key):
    """The same tonic and third, or the relative key."""
    if key.minor == song.minor:
        return key.tonic == song.tonic
    return key.tonic == (song.tonic + (3 if song.minor else 9)) % 12


def matched(found, wanted, tolerance):
    """F-measure of times against times."""
    if not len(found) or not len(wanted):
        return 0.0
    hits = (np.abs(np.asarray(found)[:, None] - wanted).min(axis=0) <= tolerance).sum()
    return 2.0 * hits / (len(found) + len(wanted))


def downbeats_right(song, described):
    """F-measure of the downbeats within 80 ms, up to the final chord."""
    if described.bars is None:
        return 0.0
    times = described.bars.downbeats
    wanted = np.arange(0.0, song.sounding_until + 1e-6, song.bar_seconds)
    return matched(times[times < song.sounding_until + 0.1], wanted, 0.08)


def sections_right(song, described, tolerance=3.0):
    """F-measure of the borders between sections within 3 s (as MIREX has it); None for a song of one section."""
    if not song.borders:
        return None
    return matched([section.start for section in described.sections[1:]], np.asarray(song.borders), tolerance)


def chords_right(song, described):
    """Share of the time at which root and third are right; chords that were written without a third are left out."""
    right = total = 0.0
    for chord in described.chords:
        root = chord.name[:2] if chord.name[1:2] in {"#", "b"} else chord.name[:1]
        minor = chord.name[len(root) :] in {"m", "m7", "dim"}
        for wanted in song.chords:
            shared = min(chord.end, wanted.end) - max(chord.start, wanted.start)
            if shared > 0.0 and wanted.third is not None:
                total += shared
                right += shared * (NAMES.get(root) == wanted.root and minor == (wanted.third == 3))
    return right / total if total else None


@pytest.fixture(scope="module")
def composer():
    return Composer()


def test_a_composed_song_is_understood_and_mastered(composer, tmp_path):
    song = composer.song(tmp_path / "song", "country", FIRST_SEED + 6, 16.0)
    described = heard(song.path)
    assert tempo_right(song, described.tempo.bpm)
    assert key_right(song, described.key)
    assert downbeats_right(song, described) > 0.8
    assert chords_right(song, described) > 0.5


@pytest.mark.slow
@pytest.mark.timeout(3_600)
def test_sixty_songs_are_understood_and_twenty_of_them_mastered(composer, tmp_path):
    genres = sorted(GENRES)
    tempi, keys, meters, downbeats, chords, errors = [], [], [], [], [], []
    sections = {0.5: [], 3.0: []}
    for number in range(SONGS):
        song = composer.song(tmp_path / str(number), genres[number % len(genres)], FIRST_SEED + number, 40.0)
        described = heard(song.path)
        tempi.append(tempo_right(song, described.tempo.bpm))
        keys.append(key_right(song, described.key))
        meters.append(described.bars is not None and described.bars.meter.name == song.meter)
        downbeats.append(downbeats_right(song, described))
        if (share := chords_right(song, described)) is not None:
            chords.append(share)
        for tolerance, found in sections.items():
            if (share := sections_right(song, described, tolerance)) is not None:
                found.append(share)
        if number < MASTERED:
            preset = list(PRESETS.values())[number % len(PRESETS)]
            errors.append(mastering_error(song.path, preset, tmp_path))
        song.path.unlink()
    print(f"tempo {sum(tempi)}/{SONGS}, key {sum(keys)}/{SONGS}, meter {sum(meters)}/{SONGS}")
    print(f"downbeats F {np.mean(downbeats):.3f}, chords {np.mean(chords):.3f}")
    print("sections F " + ", ".join(f"{np.mean(found):.3f} within {tol} s" for tol, found in sections.items()))
    print(f"mastering: largest error {max(errors):.3f} LU on {len(errors)} songs")
    assert np.mean(tempi) >= 0.9
    assert np.mean(keys) >= 0.8
    assert np.mean(meters) >= 0.9
    assert np.mean(downbeats) >= 0.8
    assert np.mean(chords) >= 0.65
    assert np.mean(sections[3.0]) >= 0.4
    assert max(errors) <= 0.2


def mastering_error(path, preset, folder):
    """Distance to the preset's loudness by libebur128; the ceiling has to hold as well."""
    target = folder / "master.flac"
    master(
        path,
        target,
        preset,
        target_lufs=preset.target_lufs,
        ceiling_dbtp=preset.ceiling_dbtp,
        reference=None,
        scratch=folder / "shaped",
        check=no_check,
        report=lambda _done, _stage: None,
    )
    measured = measure(target, no_check)
    assert measured.true_peak_dbtp <= preset.ceiling_dbtp
    return abs(measured.loudness_lufs - preset.target_lufs)
