"""Chance without state: counter-based integer streams named by what they decide.

Every decision draws from a stream of its own (`Stream(seed, "drums", "chorus", 2)`), so that one more draw in one
part never shifts another. Only integers and exactly rounded float operations are used: equal seeds give equal songs
on every platform. The mixer is SplitMix64's finaliser (Steele, Lea, Flood: "Fast splittable pseudorandom number
generators", OOPSLA 2014).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")

_MASK = (1 << 64) - 1
_GOLDEN = 0x9E3779B97F4A7C15
_FNV_OFFSET = 0xCBF29CE484222325
_FNV_PRIME = 0x100000001B3
_NORMAL_SCALE = 37_837.22  # SD of the sum of four uniform 16-bit numbers: 65,536 * sqrt(4 / 12)


def _mix(value: int) -> int:
    value = ((value ^ (value >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    value = ((value ^ (value >> 27)) * 0x94D049BB133111EB) & _MASK
    return value ^ (value >> 31)


def _hash(name: str) -> int:
    value = _FNV_OFFSET
    for byte in name.encode():
        value = ((value ^ byte) * _FNV_PRIME) & _MASK
    return value


class Stream:
    """A reproducible sequence of random numbers for one purpose."""

    __slots__ = ("_counter", "_key")

    def __init__(self, seed: int, *path: str | int) -> None:
        key = _mix((seed * _GOLDEN + 1) & _MASK)
        for step in path:
            key = _mix(key ^ (_hash(step) if isinstance(step, str) else _mix((step + _GOLDEN) & _MASK)))
        self._key = key
        self._counter = 0

    def child(self, *path: str | int) -> Stream:
        """A stream below this one; it does not depend on what was drawn from this one."""
        return Stream(self._key, *path)

    def bits(self) -> int:
        """64 random bits."""
        self._counter += 1
        return _mix((self._key + self._counter * _GOLDEN) & _MASK)

    def below(self, limit: int) -> int:
        """An integer in 0…limit−1."""
        return (self.bits() * limit) >> 64

    def between(self, low: int, high: int) -> int:
        """An integer in low…high, both included."""
        return low + self.below(high - low + 1)

    def chance(self, percent: int) -> bool:
        """True in `percent` of 100 draws."""
        return self.below(100) < percent

    def choose(self, options: Sequence[T]) -> T:
        """One of the options."""
        return options[self.below(len(options))]

    def weighted(self, options: Sequence[tuple[T, int]]) -> T:
        """One of the options; each comes with an integer weight."""
        at = self.below(sum(weight for _, weight in options))
        for option, weight in options:
            if at < weight:
                return option
            at -= weight
        raise AssertionError("weights changed while they were read")

    def normal(self, deviation: float) -> float:
        """A bell-shaped number around 0 with this standard deviation, never beyond 3.5 of it."""
        word = self.bits()
        total = (word & 0xFFFF) + ((word >> 16) & 0xFFFF) + ((word >> 32) & 0xFFFF) + (word >> 48)
        return (total - 131_070.0) / _NORMAL_SCALE * deviation

    def shuffled(self, options: Sequence[T]) -> list[T]:
        """The options in random order."""
        result = list(options)
        for index in range(len(result) - 1, 0, -1):
            other = self.below(index + 1)
            result[index], result[other] = result[other], result[index]
        return result
