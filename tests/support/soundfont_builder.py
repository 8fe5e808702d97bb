"""Small SoundFonts built in memory, so that the sampler's tests need no download and know every frame."""

from __future__ import annotations

import io
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import soundfile
from numpy.typing import NDArray

RATE = 44_100

# Generator numbers of the specification, section 8.1.2.
INSTRUMENT, KEYS, VELOCITIES, SAMPLE, MODES = 41, 43, 44, 53, 54


@dataclass(frozen=True)
class SampleSpec:
    """16-bit frames with an optional loop `(start, end)`."""

    frames: NDArray[np.int16]
    rate: int = RATE
    root_key: int = 69
    correction: int = 0
    loop: tuple[int, int] | None = None
    kind: int = 1


@dataclass(frozen=True)
class ZoneSpec:
    """One instrument zone; `sample` None makes it the global one. A modulator is `(source, destination, amount, amount
    source, transform)`.
    """

    sample: int | None
    generators: Mapping[int, int] = field(default_factory=dict)
    keys: tuple[int, int] | None = None
    velocities: tuple[int, int] | None = None
    modulators: Sequence[tuple[int, int, int, int, int]] = ()


@dataclass(frozen=True)
class PresetSpec:
    """A preset with an instrument of its own; `shared` are the generators of its global zone."""

    zones: Sequence[ZoneSpec]
    bank: int = 0
    program: int = 0
    name: str = "Test"
    generators: Mapping[int, int] = field(default_factory=dict)
    shared: Mapping[int, int] = field(default_factory=dict)
    keys: tuple[int, int] | None = None


def sine(frequency: float, seconds: float, rate: int = RATE, amplitude: float = 0.5) -> NDArray[np.int16]:
    """A pure tone."""
    times = np.arange(round(seconds * rate)) / rate
    return np.round(amplitude * 32_767 * np.sin(2 * np.pi * frequency * times)).astype(np.int16)


def looped_sine(root_key: int = 69, periods: int = 40, rate: int = RATE) -> SampleSpec:
    """A tone whose loop holds whole periods: the rate is bent a little so that a period is a whole number of frames."""
    frequency = 440.0 * 2 ** ((root_key - 69) / 12)
    period = round(rate / frequency)
    exact_rate = round(period * frequency)
    frames = np.round(16_000 * np.sin(2 * np.pi * np.arange(period * periods + 64) / period)).astype(np.int16)
    cents = 1200 * np.log2(frequency / (exact_rate / period))
    return SampleSpec(frames, exact_rate, root_key, round(cents), (period * 4, period * (periods - 4)))


def _chunk(tag: bytes, body: bytes) -> bytes:
    return tag + struct.pack("<I", len(body)) + body + b"\0" * (len(body) % 2)


def _list(form: bytes, *chunks: bytes) -> bytes:
    return _chunk(b"LIST", form + b"".join(chunks))


def _generators(
    zone_keys: tuple[int, int] | None, velocities: tuple[int, int] | None, values: Mapping[int, int]
) -> list[bytes]:
    records = []
    for number, bounds in ((KEYS, zone_keys), (VELOCITIES, velocities)):
        if bounds:
            records.append(struct.pack("<HBB", number, *bounds))
    return records + [struct.pack("<Hh", number, value) for number, value in values.items()]


def _vorbis(sample: SampleSpec) -> bytes:
    buffer = io.BytesIO()
    with soundfile.SoundFile(buffer, "w", sample.rate, 1, format="OGG", subtype="VORBIS") as file:
        file.write(sample.frames.astype(np.float32) / 32_768)
    return buffer.getvalue()


def build_soundfont(samples: Sequence[SampleSpec], presets: Sequence[PresetSpec], *, vorbis: bool = False) -> bytes:
    """A whole SoundFont 2 file, or SoundFont 3 with `vorbis`."""
    data = b""
    headers = []
    for sample in samples:
        encoded = _vorbis(sample) if vorbis else sample.frames.tobytes()
        origin = 0 if vorbis else len(data) // 2
        start, end = (len(data), len(data) + len(encoded)) if vorbis else (origin, origin + len(sample.frames))
        loop = sample.loop or (0, 0)
        kind = sample.kind | (0x10 if vorbis else 0)
        headers.append(
            struct.pack(
                "<20sIIIIIBbHH", b"sample", start, end, origin + loop[0], origin + loop[1], sample.rate,
                sample.root_key, sample.correction, 0, kind,
            )
        )  # fmt: skip
        data += encoded if vorbis else encoded + b"\0" * 92
    headers.append(struct.pack("<20sIIIIIBbHH", b"EOS", 0, 0, 0, 0, 0, 0, 0, 0, 0))
    preset_headers, preset_bags, preset_generators = [], [], []
    instruments, bags, generators, modulators = [], [], [], []
    for index, preset in enumerate(presets):
        preset_headers.append(
            struct.pack("<20sHHHIII", preset.name.encode(), preset.program, preset.bank, len(preset_bags), 0, 0, 0)
        )
        if preset.shared:
            preset_bags.append(struct.pack("<HH", len(preset_generators), 0))
            preset_generators += _generators(None, None, preset.shared)
        preset_bags.append(struct.pack("<HH", len(preset_generators), 0))
        preset_generators += _generators(preset.keys, None, {**preset.generators, INSTRUMENT: index})
        instruments.append(struct.pack("<20sH", preset.name.encode(), len(bags)))
        for zone in preset.zones:
            bags.append(struct.pack("<HH", len(generators), len(modulators)))
            values = dict(zone.generators)
            if zone.sample is not None:
                values[SAMPLE] = zone.sample
            generators += _generators(zone.keys, zone.velocities, values)
            modulators += [struct.pack("<HHhHH", *modulator) for modulator in zone.modulators]
    preset_headers.append(struct.pack("<20sHHHIII", b"EOP", 0, 0, len(preset_bags), 0, 0, 0))
    preset_bags.append(struct.pack("<HH", len(preset_generators), 0))
    instruments.append(struct.pack("<20sH", b"EOI", len(bags)))
    bags.append(struct.pack("<HH", len(generators), len(modulators)))
    tables = {
        b"phdr": preset_headers,
        b"pbag": preset_bags,
        b"pmod": [bytes(10)],
        b"pgen": [*preset_generators, bytes(4)],
        b"inst": instruments,
        b"ibag": bags,
        b"imod": [*modulators, bytes(10)],
        b"igen": [*generators, bytes(4)],
        b"shdr": headers,
    }
    body = (
        b"sfbk"
        + _list(b"INFO", _chunk(b"ifil", struct.pack("<HH", 3 if vorbis else 2, 1)))
        + _list(b"sdta", _chunk(b"smpl", data))
        + _list(b"pdta", *(_chunk(tag, b"".join(records)) for tag, records in tables.items()))
    )
    return b"RIFF" + struct.pack("<I", len(body)) + body


def looped_font(*, vorbis: bool = False, **generators: int) -> bytes:
    """One preset that plays a looped sine over all keys."""
    values = {int(number.lstrip("g")): value for number, value in generators.items()}
    return build_soundfont([looped_sine()], [PresetSpec([ZoneSpec(0, {MODES: 1, **values})])], vorbis=vorbis)
