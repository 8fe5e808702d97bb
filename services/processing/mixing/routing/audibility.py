"""What mute and solo leave of a session: a pure rule, wire by wire.

Solo in place: soloed channels and whatever they flow through are heard, the rest is not. Soloing a bus lets through
what feeds it, but only on the way to that bus. A solo-safe bus stays open, so that a soloed voice keeps its reverb.
"""

from __future__ import annotations

from collections.abc import Iterable, Set

from services.processing.mixing.routing.wiring import Wire
from services.processing.mixing.session import MASTER, MixRequest


def audible_wires(request: MixRequest, wires: Iterable[Wire]) -> set[Wire]:
    """The outputs and sends that carry sound, and every sidechain: what is muted can still steer a compressor."""
    known = list(wires)
    sounding = [wire for wire in known if wire.kind != "sidechain"]
    muted = {request.name_of(number) for number, track in enumerate(request.tracks) if track.mute}
    muted |= {bus.id for bus in request.buses if bus.mute}
    soloed = {request.name_of(number) for number, track in enumerate(request.tracks) if track.solo}
    soloed |= {bus.id for bus in request.buses if bus.solo}
    kept = {wire for wire in sounding if wire.source not in muted}
    if soloed:
        safe = {bus.id for bus in request.buses if bus.solo_safe}
        heard = soloed | _flood(soloed, sounding)
        wanted = soloed | _flood(soloed, sounding, backwards=True)
        kept = {wire for wire in kept if _passes(wire, heard, wanted, safe)}
    return kept | {wire for wire in known if wire.kind == "sidechain"}


def _passes(wire: Wire, heard: Set[str], wanted: Set[str], safe: Set[str]) -> bool:
    if wire.source in heard:
        return True
    # What is not soloed is heard only on its way to something that is, or as the return of a safe bus.
    return wire.target in wanted or (wire.source in safe and wire.source not in wanted)


def _flood(start: Set[str], wires: list[Wire], *, backwards: bool = False) -> set[str]:
    found: set[str] = set()
    open_ends = list(start)
    while open_ends:
        at = open_ends.pop()
        for wire in wires:
            near, far = (wire.target, wire.source) if backwards else (wire.source, wire.target)
            if near == at and far not in found and far != MASTER:
                found.add(far)
                open_ends.append(far)
    return found
