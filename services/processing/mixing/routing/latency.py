"""Latency compensation: how far each channel runs behind, and how long each wire has to wait. Whole samples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from services.processing.mixing.routing.wiring import Wire, order_of


@dataclass(frozen=True, slots=True)
class Alignment:
    """`entry` is the latency at a channel's input, `exit` after its last effect, `waits` the delay of each wire.

    Everything that meets anywhere has then waited equally long.
    """

    entry: Mapping[str, int]
    exit: Mapping[str, int]
    waits: Mapping[Wire, int]


def align(effects: Mapping[str, Sequence[int]], wires: Sequence[Wire]) -> Alignment:
    """`effects` holds the latency of each effect of each channel, in order; the wires hold no circle."""
    entry: dict[str, int] = {}
    leaving: dict[str, int] = {}
    incoming: dict[str, list[Wire]] = {name: [] for name in effects}
    for wire in wires:
        incoming[wire.target].append(wire)
    for name in (name for level in order_of(effects, wires) for name in level):
        # A sidechain arrives at its effect, which the channel's own sound reaches later than its input.
        entry[name] = max((leaving[wire.source] - _ahead(effects, wire) for wire in incoming[name]), default=0)
        entry[name] = max(entry[name], 0)
        leaving[name] = entry[name] + sum(effects[name])
    waits = {wire: entry[wire.target] + _ahead(effects, wire) - leaving[wire.source] for wire in wires}
    return Alignment(entry, leaving, waits)


def _ahead(effects: Mapping[str, Sequence[int]], wire: Wire) -> int:
    return sum(effects[wire.target][: wire.index]) if wire.kind == "sidechain" else 0
