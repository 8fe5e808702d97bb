"""The engine's fixed places: a request holds one slot from admission to its end. Pure Python."""

from __future__ import annotations

import heapq


class Slots:
    """`count` places, lowest free one first. RuntimeError for what cannot happen: no free slot, freeing a free one."""

    def __init__(self, count: int) -> None:
        if count < 1:
            raise ValueError("An engine needs at least one slot.")
        self.count = count
        self._free = list(range(count))
        self._taken: set[int] = set()

    @property
    def free(self) -> int:
        """How many slots are free."""
        return len(self._free)

    def take(self) -> int:
        """Take the lowest free slot."""
        if not self._free:
            raise RuntimeError("There is no free slot.")
        slot = heapq.heappop(self._free)
        self._taken.add(slot)
        return slot

    def release(self, slot: int) -> None:
        """Give a slot back."""
        if slot not in self._taken:
            raise RuntimeError(f"Slot {slot} is not taken.")
        self._taken.remove(slot)
        heapq.heappush(self._free, slot)
