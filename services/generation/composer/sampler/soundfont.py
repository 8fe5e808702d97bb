"""A SoundFont 2 or 3 file: presets, their regions, and where each sample's bytes lie.

Only the small tables are read when a file is opened; samples stay in the memory-mapped file until `samples.py` decodes
one. Everything that the file claims is checked before it is used: a damaged or hostile file raises `AppError`, never an
IndexError.
"""

from __future__ import annotations

import mmap
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from services.generation.composer.sampler.generators import (
    GENERATOR_COUNT,
    INSTRUMENT_ONLY,
    Generator,
    default_values,
)
from services.generation.composer.sampler.modulators import DEFAULTS, Modulator, Source, override
from services.generation.composer.sampler.riff import Chunk, damaged, find_lists, iterate_chunks
from services.shared.errors import AppError, ErrorCode

_PRESET = np.dtype([("name", "S20"), ("program", "<u2"), ("bank", "<u2"), ("bag", "<u2"), ("rest", "V12")])
_INSTRUMENT = np.dtype([("name", "S20"), ("bag", "<u2")])
_BAG = np.dtype([("generator", "<u2"), ("modulator", "<u2")])
_GENERATOR = np.dtype([("number", "<u2"), ("amount", "<i2")])
_MODULATOR = np.dtype(
    [("source", "<u2"), ("destination", "<u2"), ("amount", "<i2"), ("amount_source", "<u2"), ("transform", "<u2")]
)
_SAMPLE = np.dtype(
    [
        ("name", "S20"),
        ("start", "<u4"),
        ("end", "<u4"),
        ("loop_start", "<u4"),
        ("loop_end", "<u4"),
        ("rate", "<u4"),
        ("key", "u1"),
        ("correction", "i1"),
        ("link", "<u2"),
        ("type", "<u2"),
    ]
)

_ROM = 0x8000
_VORBIS = 0x10
_MAX_REGIONS = 20_000
_FULL_RANGE = (0, 127)

Table = NDArray[np.void]


@dataclass(frozen=True, slots=True)
class SampleHeader:
    """One sample: its bytes are `[start, end)` of the file. Loop points are in frames from the sample's first frame."""

    index: int
    name: str
    start: int
    end: int
    loop_start: int
    loop_end: int
    rate_hz: int
    root_key: int
    correction_cents: int
    vorbis: bool


@dataclass(frozen=True, slots=True)
class Region:
    """One sample under one set of keys and velocities, preset and instrument level already added up.

    `generators` is indexed by generator number and holds sums that are not clamped yet: modulators come on top.
    """

    keys: tuple[int, int]
    velocities: tuple[int, int]
    generators: tuple[int, ...]
    modulators: tuple[Modulator, ...]
    preset_modulators: tuple[Modulator, ...]
    sample: SampleHeader

    def answers(self, key: int, velocity: int) -> bool:
        """Whether a note with this key and velocity sounds the region."""
        return self.keys[0] <= key <= self.keys[1] and self.velocities[0] <= velocity <= self.velocities[1]


@dataclass(frozen=True, slots=True)
class Preset:
    """A playable sound."""

    name: str
    bank: int
    program: int
    regions: tuple[Region, ...]

    def regions_at(self, key: int, velocity: int) -> list[Region]:
        """The regions that one note sounds; stereo sounds have one for each side."""
        # Not by `answers`: a note asks a hundred regions.
        return [
            region
            for region in self.regions
            if region.keys[0] <= key <= region.keys[1] and region.velocities[0] <= velocity <= region.velocities[1]
        ]


@dataclass(slots=True)
class _Zone:
    """A bag's generators and modulators as written; `target` is the last generator (instrument or sample), if any."""

    values: dict[int, int]
    keys: tuple[int, int] | None
    velocities: tuple[int, int] | None
    modulators: list[Modulator]
    target: int | None


@dataclass(frozen=True, slots=True)
class _Level:
    """The bags, generators and modulators of one level (preset or instrument)."""

    bags: Table
    generators: Table
    modulators: Table
    target: Generator

    def zones(self, first: int, last: int) -> tuple[_Zone, list[_Zone]]:
        """The global zone (an empty one if there is none) and the others (sections 7.3 and 7.7)."""
        zones = [self._zone(index) for index in range(first, last)]
        shared = zones[0] if zones and zones[0].target is None else _Zone({}, None, None, [], None)
        return shared, [zone for zone in zones if zone.target is not None]

    def _zone(self, index: int) -> _Zone:
        bag, following = self.bags[index], self.bags[index + 1]
        zone = _Zone({}, None, None, [], None)
        # As plain numbers: reading a record's field takes longer than all that is done with it.
        for number, amount in self.generators[bag["generator"] : following["generator"]].tolist():
            low, high = amount & 0xFF, (amount >> 8) & 0xFF
            if number == Generator.KEY_RANGE:
                zone.keys = (low, high)
            elif number == Generator.VELOCITY_RANGE:
                zone.velocities = (low, high)
            elif number == self.target:
                zone.target = amount & 0xFFFF
                break
            elif number < GENERATOR_COUNT:
                zone.values[number] = amount
        for source, destination, amount, amount_source, transform in self.modulators[
            bag["modulator"] : following["modulator"]
        ].tolist():
            if destination < GENERATOR_COUNT:
                zone.modulators.append(
                    Modulator(Source.from_bits(source), destination, amount, Source.from_bits(amount_source), transform)
                )
        return zone


class SoundFont:
    """An open SoundFont file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            with path.open("rb") as file:
                self._map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except FileNotFoundError:
            raise AppError(ErrorCode.NOT_FOUND, f"There is no SoundFont at {path}.") from None
        except (OSError, ValueError) as error:
            raise damaged(f"it cannot be read ({error})") from error
        self.data = memoryview(self._map)
        lists = find_lists(self.data)
        if b"pdta" not in lists or b"sdta" not in lists:
            raise damaged("its sample or preset section is missing")
        tables = {chunk.tag: chunk for chunk in iterate_chunks(self.data, lists[b"pdta"].start, lists[b"pdta"].end)}
        samples = {chunk.tag: chunk for chunk in iterate_chunks(self.data, lists[b"sdta"].start, lists[b"sdta"].end)}
        if b"smpl" not in samples:
            raise damaged("it holds no samples")
        self._presets = self._table(tables, b"phdr", _PRESET)
        self._instruments = self._table(tables, b"inst", _INSTRUMENT)
        self._samples = self._table(tables, b"shdr", _SAMPLE)
        self._preset_level = _Level(
            self._table(tables, b"pbag", _BAG),
            self._table(tables, b"pgen", _GENERATOR),
            self._table(tables, b"pmod", _MODULATOR),
            Generator.INSTRUMENT,
        )
        self._instrument_level = _Level(
            self._table(tables, b"ibag", _BAG),
            self._table(tables, b"igen", _GENERATOR),
            self._table(tables, b"imod", _MODULATOR),
            Generator.SAMPLE_ID,
        )
        self._smpl = samples[b"smpl"]
        self._check_bags(self._presets, self._preset_level, "preset")
        self._check_bags(self._instruments, self._instrument_level, "instrument")
        self._numbers: dict[tuple[int, int], int] = {}
        for index, header in enumerate(self._presets[:-1]):
            self._numbers.setdefault((int(header["bank"]), int(header["program"])), index)
        self._read_preset = lru_cache(maxsize=256)(self._flatten)

    def _table(self, tables: dict[bytes, Chunk], tag: bytes, record: np.dtype[np.void]) -> Table:
        chunk = tables.get(tag)
        if chunk is None or (chunk.end - chunk.start) % record.itemsize:
            raise damaged(f"its {tag.decode()} table is missing or torn")
        table = np.frombuffer(self.data[chunk.start : chunk.end], dtype=record).copy()
        if tag in (b"phdr", b"inst", b"shdr", b"pbag", b"ibag") and len(table) < 2:
            raise damaged(f"its {tag.decode()} table is empty")
        return table

    @staticmethod
    def _check_bags(headers: Table, level: _Level, what: str) -> None:
        """Index chains must rise and stay inside the tables that they point into (section 7)."""
        chains = (
            (headers["bag"], len(level.bags) - 1),
            (level.bags["generator"], len(level.generators)),
            (level.bags["modulator"], len(level.modulators)),
        )
        for chain, limit in chains:
            indices = chain.astype(np.int64)
            if (np.diff(indices) < 0).any() or indices[-1] > limit:
                raise damaged(f"a {what} zone points outside its table")

    @property
    def preset_numbers(self) -> Sequence[tuple[int, int]]:
        """Every `(bank, program)` that the file offers."""
        return tuple(self._numbers)

    def preset(self, bank: int, program: int) -> Preset:
        """The preset of a bank and program; a missing one falls back to the General MIDI sound of the same program.

        Percussion (bank 128) falls back to the standard kit, other banks to bank 0, and then to the first preset.
        """
        fallbacks = ((bank, program), (128, 0)) if bank == 128 else ((bank, program), (0, program), (0, 0))
        for number in fallbacks:
            if number in self._numbers:
                return self._read_preset(self._numbers[number])
        return self._read_preset(0)

    def _flatten(self, index: int) -> Preset:
        header = self._presets[index]
        shared, zones = self._preset_level.zones(int(header["bag"]), int(self._presets[index + 1]["bag"]))
        regions: list[Region] = []
        for zone in zones:
            regions.extend(self._instrument_regions(zone, shared))
            if len(regions) > _MAX_REGIONS:
                raise damaged("a preset has more regions than any instrument needs")
        name = bytes(header["name"]).split(b"\0")[0].decode("latin-1").strip()
        return Preset(name, int(header["bank"]), int(header["program"]), tuple(regions))

    def _instrument_regions(self, preset_zone: _Zone, preset_shared: _Zone) -> list[Region]:
        target = preset_zone.target
        if target is None or target >= len(self._instruments) - 1:
            raise damaged("a preset names an instrument that does not exist")
        offsets = {**preset_shared.values, **preset_zone.values}
        preset_modulators = override(preset_shared.modulators, preset_zone.modulators)
        first, last = int(self._instruments[target]["bag"]), int(self._instruments[target + 1]["bag"])
        shared, zones = self._instrument_level.zones(first, last)
        shared_modulators = override(DEFAULTS, shared.modulators)
        regions = []
        for zone in zones:
            keys = _intersect(_first(zone.keys, shared.keys), _first(preset_zone.keys, preset_shared.keys))
            velocities = _intersect(
                _first(zone.velocities, shared.velocities), _first(preset_zone.velocities, preset_shared.velocities)
            )
            sample = self._sample(zone.target)
            if keys is None or velocities is None or sample is None:
                continue
            values = default_values()
            for number, value in {**shared.values, **zone.values}.items():
                values[number] = value
            for number, value in offsets.items():
                if number not in INSTRUMENT_ONLY:
                    values[number] += value
            modulators = override(shared_modulators, zone.modulators) if zone.modulators else shared_modulators
            regions.append(Region(keys, velocities, tuple(values), modulators, preset_modulators, sample))
        return regions

    def _sample(self, index: int | None) -> SampleHeader | None:
        """The header of a sample; None for samples in a sound card's ROM."""
        if index is None or index >= len(self._samples) - 1:
            raise damaged("an instrument names a sample that does not exist")
        name, start, end, loop_start, loop_end, rate, key, correction, _, kind = self._samples[index].tolist()
        if kind & _ROM:
            return None
        vorbis = bool(kind & _VORBIS)
        width = 1 if vorbis else 2
        size = self._smpl.end - self._smpl.start
        if not (start < end <= size // width and 400 <= rate <= 192_000):
            raise damaged(f"sample {index} lies outside the sample data or has an impossible rate")
        # Compressed samples count loop points from their own start, plain ones from the start of all samples.
        origin = 0 if vorbis else start
        return SampleHeader(
            index=index,
            name=name.split(b"\0")[0].decode("latin-1").strip(),
            start=self._smpl.start + start * width,
            end=self._smpl.start + end * width,
            loop_start=loop_start - origin,
            loop_end=loop_end - origin,
            rate_hz=rate,
            root_key=key if key <= 127 else 60,
            correction_cents=correction,
            vorbis=vorbis,
        )

    def close(self) -> None:
        """Release the file. Idempotent."""
        self._read_preset.cache_clear()
        self.data.release()
        self._map.close()


def _first(*ranges: tuple[int, int] | None) -> tuple[int, int]:
    """A zone's own range, else the global zone's, else everything."""
    return next((each for each in ranges if each), _FULL_RANGE)


def _intersect(first: tuple[int, int], second: tuple[int, int]) -> tuple[int, int] | None:
    low, high = max(first[0], second[0]), min(first[1], second[1])
    return (low, high) if low <= high else None
