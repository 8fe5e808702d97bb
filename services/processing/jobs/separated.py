"""Which tracks of a library are the stems that a separation took out of another one, and what each of them is. Pure.

The library keeps how a track came from its parent; which stem it is stands in what its job wrote down beside it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import orjson

from protos.users.v1 import tracks_pb2
from services.processing.separation.catalogue import ACCOMPANIMENT, SEPARATORS, STEMS, VOCALS

# `users.v1.Track.relation` of what a separation made.
_RELATION: Final = "stem"


def stem_name(track: tracks_pb2.Track) -> str:
    """Which stem a track is ("drums"); empty for whatever no separation made, and for its karaoke and residual."""
    if track.relation != _RELATION:
        return ""
    try:
        spec = orjson.loads(track.content.spec_json)
    except orjson.JSONDecodeError:
        return ""
    name = spec.get("stem") if isinstance(spec, dict) else None
    return name if name in STEMS else ""


def whole_song(children: Iterable[tracks_pb2.Track]) -> dict[str, str]:
    """The masters of stems that together are all of their song, by name; empty where no separation left all of it.

    `children` come newest first. Of several separations the one with the most stems counts, the newest among equals.
    """
    best: dict[str, str] = {}
    for model, found in _by_job(children).values():
        complete = next((names for names in _wholes(model) if set(names) <= set(found)), ())
        if len(complete) > len(best):
            best = {name: found[name] for name in STEMS if name in complete}
    return best


def newest(children: Iterable[tracks_pb2.Track], name: str) -> dict[str, str]:
    """The master of the newest stem of that name; empty without one. `children` come newest first."""
    return next(({name: track.content.master_object_key} for track in children if stem_name(track) == name), {})


def _by_job(children: Iterable[tracks_pb2.Track]) -> Mapping[str, tuple[str, dict[str, str]]]:
    """The model of each separation and its stems: name → master."""
    jobs: dict[str, tuple[str, dict[str, str]]] = {}
    for track in children:
        if name := stem_name(track):
            _, stems = jobs.setdefault(track.job_id, (track.content.model, {}))
            stems[name] = track.content.master_object_key
    return jobs


def _wholes(model: str) -> Sequence[tuple[str, ...]]:
    """The sets of stems that are all of a song, the finer first."""
    coarse = (VOCALS, ACCOMPANIMENT)
    return (SEPARATORS[model].stems, coarse) if model in SEPARATORS else (coarse,)
