"""Who feeds whom in a session: outputs, sends and sidechains as wires, and whether they run in a circle."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from services.processing.mixing.session import MASTER, MixRequest

WireKind = Literal["output", "send", "sidechain"]


@dataclass(frozen=True, slots=True)
class Wire:
    """From one channel to another. `index` numbers a channel's sends, or the effect that a sidechain steers."""

    source: str
    target: str
    kind: WireKind
    index: int
    pointer: str


def wires_of(request: MixRequest) -> Iterator[Wire]:
    """Every wire of a session, in the order in which channels are named; bypassed effects keep theirs."""
    channels = [(request.name_of(number), f"/tracks/{number}", track) for number, track in enumerate(request.tracks)]
    strips = [*channels, *((bus.id, f"/buses/{number}", bus) for number, bus in enumerate(request.buses))]
    for name, pointer, strip in strips:
        yield Wire(name, strip.output, "output", 0, f"{pointer}/output")
        for number, send in enumerate(strip.sends):
            yield Wire(name, send.to, "send", number, f"{pointer}/sends/{number}/to")
    for name, pointer, holder in [*strips, (MASTER, "/master", request.master)]:
        for number, effect in enumerate(holder.effects):
            if effect.sidechain is not None:
                yield Wire(effect.sidechain, name, "sidechain", number, f"{pointer}/effects/{number}/sidechain")


def order_of(names: Iterable[str], wires: Iterable[Wire]) -> list[list[str]]:
    """The channels in levels: each needs only what earlier levels made (Kahn's algorithm).

    Channels that a circle holds back are left out.
    """
    waiting: dict[str, set[str]] = {name: set() for name in names}
    for wire in wires:
        waiting[wire.target].add(wire.source)
    levels: list[list[str]] = []
    done: set[str] = set()
    while True:
        level = [name for name, needs in waiting.items() if name not in done and needs <= done]
        if not level:
            return levels
        levels.append(level)
        done |= set(level)


def cycle_in(wires: Iterable[Wire]) -> Wire | None:
    """A wire that closes a circle, or None."""
    known = list(wires)
    names = {name: None for wire in known for name in (wire.source, wire.target)}
    reached = {name for level in order_of(names, known) for name in level}
    rest = [wire for wire in known if wire.source not in reached and wire.target not in reached]
    # Channels behind the circle are held back too: only those that lead back to themselves are in it.
    for wire in rest:
        if wire.source in _downstream(wire.target, rest):
            return wire
    return None


def _downstream(name: str, wires: list[Wire]) -> set[str]:
    found, open_ends = {name}, [name]
    while open_ends:
        at = open_ends.pop()
        for wire in wires:
            if wire.source == at and wire.target not in found:
                found.add(wire.target)
                open_ends.append(wire.target)
    return found
