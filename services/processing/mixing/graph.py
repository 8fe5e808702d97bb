"""The mixer's graph at work: channels that read clips and one another, block by block, level by level."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from services.processing.jobs.kind import Check
from services.processing.mixing.block import BLOCK_FRAMES, Audio, silence
from services.processing.mixing.effects.fader import Fader, Gain
from services.processing.mixing.effects.insert import Insert
from services.processing.mixing.effects.processor import Delay, State
from services.processing.mixing.session import FadeCurve
from services.processing.mixing.timeline.clip import PlacedClip
from services.processing.mixing.timeline.fade import fade_gain


@dataclass(slots=True)
class Feed:
    """What a channel hears of another: after its fader, or before it; late enough to meet the rest."""

    channel: Channel
    wait: Delay
    pre_fader: bool = False
    gain: Gain | None = None

    def pull(self, clock: int) -> Audio:
        """The block that begins at `clock`."""
        audio = self.channel.pre if self.pre_fader else self.channel.post
        if self.gain is not None:
            audio = audio * self.gain.factors(clock, audio.shape[1])
        return self.wait.process(audio)


@dataclass(slots=True)
class Channel:
    """A strip: what comes in, inserts, fader. `pre` and `post` hold its current block before and after the fader."""

    name: str
    fader: Fader
    entry: int
    clips: Sequence[PlacedClip] = ()
    feeds: Sequence[Feed] = ()
    inserts: Sequence[Insert] = ()
    keys: dict[int, Feed] = field(default_factory=dict)
    pre: Audio = field(default_factory=lambda: silence(0))
    post: Audio = field(default_factory=lambda: silence(0))

    def process(self, clock: int, frames: int) -> None:
        """Make the block that begins at sample `clock` of the graph."""
        audio = silence(frames)
        for clip in self.clips:
            clip.add_to(audio, clock - self.entry)
        for feed in self.feeds:
            audio += feed.pull(clock)
        for number, insert in enumerate(self.inserts):
            key = self.keys.get(number)
            insert.process(audio, clock, None if key is None else np.ascontiguousarray(key.pull(clock)))
        self.pre = audio
        self.post = self.fader.process(audio, clock)

    def states(self) -> list[State]:
        """Everything that it remembers, in a fixed order."""
        waits = [feed.wait.state for feed in (*self.feeds, *self.keys.values())]
        return [state for insert in self.inserts for state in insert.states()] + waits


@dataclass(frozen=True, slots=True)
class SongFade:
    """A fade of the whole mix between two samples; `rising` for a fade-in."""

    first: int
    last: int
    curve: FadeCurve
    rising: bool

    def apply(self, audio: Audio, start: int) -> None:
        """Fade the block that begins at sample `start` of the song, in place."""
        if start + audio.shape[1] <= self.first and not self.rising:
            return
        if start >= self.last and self.rising:
            return
        places = np.arange(start, start + audio.shape[1], dtype=np.float64)
        places = places - self.first if self.rising else self.last - places
        audio *= fade_gain(places, self.last - self.first, self.curve)


class Graph:
    """Channels in levels, the master last; what leaves it is `latency` samples late."""

    def __init__(
        self,
        levels: Sequence[Sequence[Channel]],
        fades: Sequence[SongFade],
        safety: Insert | None,
        *,
        frames: int,
        threads: int = 1,
        check: Check = lambda: None,
    ) -> None:
        self._levels = [list(level) for level in levels]
        self._master = self._levels[-1][-1]
        self._fades = fades
        self._check = check
        self._safety = safety
        self._before_safety = self._master.entry + sum(insert.latency for insert in self._master.inserts)
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="mixer") if threads > 1 else None
        self.latency: Final = self._before_safety + (safety.latency if safety is not None else 0)
        self.frames: Final = frames
        self.clock = 0

    def advance(self, frames: int) -> Audio:
        """The next `frames` samples that leave the graph, `[2, frames]`."""
        for level in self._levels:
            if self._pool is not None and len(level) > 1:
                list(self._pool.map(lambda channel: self._process(channel, frames), level))
            else:
                for channel in level:
                    self._process(channel, frames)
        audio = self._master.post
        for fade in self._fades:
            fade.apply(audio, self.clock - self._before_safety)
        if self._safety is not None:
            self._safety.process(audio, self.clock, None)
        self.clock += frames
        return audio

    def _process(self, channel: Channel, frames: int) -> None:
        self._check()
        channel.process(self.clock, frames)

    def keep(self) -> list[State]:
        """A copy of all state, for `put_back`."""
        return [{name: array.copy() for name, array in state.items()} for state in self._states()]

    def put_back(self, kept: Sequence[State], clock: int) -> None:
        """Go on from where `keep` was called, at that `clock`."""
        for state, old in zip(self._states(), kept, strict=True):
            state.update({name: array.copy() for name, array in old.items()})
        self.clock = clock

    def _states(self) -> list[State]:
        own = [state for level in self._levels for channel in level for state in channel.states()]
        return own + (self._safety.states() if self._safety is not None else [])

    def close(self) -> None:
        """Let go of files and threads."""
        if self._pool is not None:
            self._pool.shutdown()
        for level in self._levels:
            for channel in level:
                for clip in channel.clips:
                    clip.close()


class Renderer:
    """The song as samples, without the graph's latency: in any blocks, from anywhere, always the same.

    With `keep_every_frames` it can seek back: it goes to the nearest point that it kept on the way (at most `_POINTS`
    of them) and runs from there.
    """

    _POINTS = 8

    def __init__(self, graph: Graph, *, block_frames: int = BLOCK_FRAMES, keep_every_frames: int | None = None) -> None:
        self._graph = graph
        self._block = block_frames
        self._every = keep_every_frames
        self._kept: dict[int, list[State]] = {} if keep_every_frames is None else {0: graph.keep()}
        self._ready = silence(0)
        self.frames: Final = graph.frames
        self._place = 0
        self._skip(graph.latency)

    @property
    def place(self) -> int:
        """The sample of the song that comes next."""
        return self._place

    def read(self, frames: int) -> Audio:
        """The next `[2, frames]`; silence goes on after the end."""
        while self._ready.shape[1] < frames:
            self._ready = np.concatenate((self._ready, self._advance(self._block)), axis=1)
        out = np.ascontiguousarray(self._ready[:, :frames])
        self._ready = self._ready[:, frames:]
        self._place += frames
        return out

    def seek(self, place: int) -> None:
        """Make `place` the next sample. Exact: everything before it is rendered, or was kept.

        Raises ValueError for a place that has passed, when nothing was kept.
        """
        wanted = place + self._graph.latency
        clock = max((clock for clock in self._kept if clock <= wanted), default=None)
        if clock is None and self._graph.clock > wanted:
            raise ValueError("this renderer keeps nothing to go back to")
        if clock is not None and not clock <= self._graph.clock <= wanted:
            self._graph.put_back(self._kept[clock], clock)
        self._ready = silence(0)
        self._skip(wanted - self._graph.clock)
        self._place = place

    def _skip(self, frames: int) -> None:
        while frames > 0:
            count = min(frames, self._block)
            self._advance(count)
            frames -= count

    def _advance(self, frames: int) -> Audio:
        audio = self._graph.advance(frames)
        clock = self._graph.clock
        if self._every is not None and clock - max(self._kept) >= self._every:
            self._kept[clock] = self._graph.keep()
            if len(self._kept) > self._POINTS:
                # The beginning always stays; of the rest the oldest goes.
                del self._kept[sorted(self._kept)[1]]
        return audio

    def close(self) -> None:
        """Let go of files and threads."""
        self._graph.close()
