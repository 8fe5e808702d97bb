"""Mute and solo, order and latency: the mixer's rules without any sound."""

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.processing.mixing.routing.audibility import audible_wires
from services.processing.mixing.routing.latency import align
from services.processing.mixing.routing.wiring import Wire, order_of, wires_of
from services.processing.mixing.session_rules import parse


def _audible(session: dict[str, Any]) -> set[str]:
    request = parse(session)
    kept = audible_wires(request, wires_of(request))
    return {f"{wire.source}>{wire.target}" for wire in kept if wire.kind != "sidechain"}


def _session(**flags: Any) -> dict[str, Any]:
    """Drums and bass into a group, a voice of its own, both into a reverb."""
    return {
        "tracks": [
            {"track_id": "a", "id": "drums", "output": "band"} | flags.get("drums", {}),
            {"track_id": "a", "id": "bass", "output": "band"} | flags.get("bass", {}),
            {"track_id": "a", "id": "voice", "sends": [{"to": "reverb"}]} | flags.get("voice", {}),
        ],
        "buses": [
            {"id": "band", "sends": [{"to": "reverb"}]} | flags.get("band", {}),
            {"id": "reverb"} | flags.get("reverb", {}),
        ],
    }


_ALL = {"drums>band", "bass>band", "voice>master", "voice>reverb", "band>master", "band>reverb", "reverb>master"}


def test_everything_sounds_without_mute_and_solo() -> None:
    assert _audible(_session()) == _ALL


def test_mute_silences_output_and_sends() -> None:
    assert _audible(_session(voice={"mute": True})) == _ALL - {"voice>master", "voice>reverb"}


def test_soloed_track_keeps_its_way_to_the_master() -> None:
    assert _audible(_session(drums={"solo": True})) == {"drums>band", "band>master", "band>reverb", "reverb>master"}


def test_soloed_voice_keeps_its_reverb() -> None:
    heard = _audible(_session(voice={"solo": True}))
    assert {"voice>master", "voice>reverb", "reverb>master"} <= heard
    assert not {"drums>band", "bass>band"} & heard


def test_soloed_bus_lets_in_what_feeds_it() -> None:
    heard = _audible(_session(band={"solo": True}))
    assert {"drums>band", "bass>band", "band>master"} <= heard
    assert not {"voice>master", "voice>reverb"} & heard


def test_soloed_reverb_is_heard_without_the_dry_sounds() -> None:
    heard = _audible(_session(reverb={"solo": True}))
    assert {"voice>reverb", "band>reverb", "drums>band", "reverb>master"} <= heard
    assert not {"voice>master", "band>master"} & heard


def test_bus_that_is_not_safe_falls_silent_beside_a_solo() -> None:
    flags = {"voice": {"solo": True, "sends": []}, "reverb": {"solo_safe": False}}
    assert "reverb>master" not in _audible(_session(**flags))


def test_mute_wins_over_solo() -> None:
    assert "drums>band" not in _audible(_session(drums={"solo": True, "mute": True}))


def test_muted_channel_still_steers() -> None:
    session = _session(drums={"mute": True}, voice={"effects": [{"type": "compressor", "sidechain": "drums"}]})
    request = parse(session)
    kept = audible_wires(request, wires_of(request))
    assert any(wire.kind == "sidechain" and wire.source == "drums" for wire in kept)


@st.composite
def _graphs(draw: st.DrawFn) -> tuple[dict[str, list[int]], list[Wire]]:
    """Channels with effects of some latency, wired only forwards."""
    names = [f"c{n}" for n in range(draw(st.integers(2, 9)))]
    effects = {name: draw(st.lists(st.integers(0, 500), max_size=4)) for name in names}
    wires = []
    for late in range(1, len(names)):
        for early in range(late):
            if draw(st.booleans()):
                kind = draw(st.sampled_from(["output", "send", "sidechain"]))
                limit = len(effects[names[late]])
                if kind == "sidechain" and not limit:
                    kind = "send"
                index = draw(st.integers(0, limit - 1)) if kind == "sidechain" else 0
                wires.append(Wire(names[early], names[late], kind, index, f"/{early}/{late}"))
    return effects, wires


@given(_graphs())
def test_everything_that_meets_has_waited_equally_long(graph: tuple[dict[str, list[int]], list[Wire]]) -> None:
    effects, wires = graph
    aligned = align(effects, wires)
    for wire in wires:
        assert aligned.waits[wire] >= 0
        ahead = sum(effects[wire.target][: wire.index]) if wire.kind == "sidechain" else 0
        assert aligned.exit[wire.source] + aligned.waits[wire] == aligned.entry[wire.target] + ahead
    for name, latencies in effects.items():
        assert aligned.exit[name] == aligned.entry[name] + sum(latencies)


@given(_graphs())
def test_levels_hold_everything_after_what_it_needs(graph: tuple[dict[str, list[int]], list[Wire]]) -> None:
    effects, wires = graph
    place = {name: number for number, level in enumerate(order_of(effects, wires)) for name in level}
    assert set(place) == set(effects)
    assert all(place[wire.source] < place[wire.target] for wire in wires)


def test_nobody_waits_longer_than_needed() -> None:
    wires = [Wire("a", "m", "output", 0, ""), Wire("b", "m", "output", 0, "")]
    aligned = align({"a": [100], "b": [30], "m": [5]}, wires)
    assert [aligned.waits[wire] for wire in wires] == [0, 70]
    assert aligned.exit["m"] == 105


@pytest.mark.parametrize("levels", [1, 30])
def test_long_chains_are_ordered(levels: int) -> None:
    names = [f"n{n}" for n in range(levels + 1)]
    wires = [Wire(a, b, "output", 0, "") for a, b in pairwise(names)]
    assert order_of(names, wires) == [[name] for name in names]
