"""A mix as it is asked for and kept: tracks, buses, sends, effects, automation and the master.

The body of `/processing/mix` and the session file (JSON or YAML, `version: 1`) are this one document. What a single
field can say is checked here; what fields say about each other, in `session_rules`.
"""

from __future__ import annotations

import unicodedata
from typing import Annotated, Any, Final, Literal, Self, get_args

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from services.processing.mixing import limits
from services.processing.mixing.catalogue.channel import GAIN, PAN, PITCH, STRETCH, WIDTH
from services.processing.mixing.catalogue.parameter import Parameter

AutomationCurve = Literal["linear", "exponential", "hold", "bezier"]
FadeCurve = Literal["linear", "equal_power"]
PanLaw = Literal["balance", "constant_power", "-4.5", "linear"]

AUTOMATION_CURVES: Final[tuple[str, ...]] = get_args(AutomationCurve)
FADE_CURVES: Final[tuple[str, ...]] = get_args(FadeCurve)

MASTER: Final = "master"

Identifier = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")]
Seconds = Annotated[float, Field(ge=0, le=limits.LONGEST_SECONDS)]


def _one_line(text: str) -> str:
    if any(unicodedata.category(character) == "Cc" for character in text):
        raise ValueError("Must be one line: remove line breaks and control characters.")
    return text


Title = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(_one_line)]


def _within(parameter: Parameter) -> object:
    return Field(ge=parameter.minimum, le=parameter.maximum)


Gain = Annotated[float, _within(GAIN)]
Pan = Annotated[float, _within(PAN)]
Width = Annotated[float, _within(WIDTH)]
Unit = Annotated[float, Field(ge=0, le=1)]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Fade(_Model):
    """A fade of a clip or of the whole song; `equal_power` is a quarter of a sine."""

    seconds: Annotated[float, Field(ge=0, le=600)]
    curve: FadeCurve = "linear"


class Source(_Model):
    """What sounds, and when, in seconds: `start` and `length` in the song, `offset` and `loop_length` in the source.

    `stretch` 2 makes it twice as long at the same pitch. With `loop` the source from `offset` on, or `loop_length` of
    it, repeats until `length` is filled.
    """

    track_id: Annotated[str, Field(min_length=1, max_length=64)] | None = None
    stem: Annotated[str, Field(min_length=1, max_length=64)] | None = None
    start: Seconds = 0.0
    offset: Seconds = 0.0
    length: Annotated[float, Field(gt=0, le=limits.LONGEST_SECONDS)] | None = None
    loop: bool = False
    loop_length: Annotated[float, Field(ge=0.01, le=limits.LONGEST_SECONDS)] | None = None
    stretch: Annotated[float, _within(STRETCH)] = 1.0
    pitch_semitones: Annotated[float, _within(PITCH)] = 0.0
    fade_in: Fade | None = None
    fade_out: Fade | None = None


class Clip(Source):
    """One of several clips of a track."""

    gain_db: Gain = 0.0


class Point(_Model):
    """A value at a time. `curve` leads to the next point; `bezier` holds its control points (x1, y1, x2, y2)."""

    time: Seconds
    value: float
    curve: AutomationCurve = "linear"
    bezier: tuple[Unit, Unit, Unit, Unit] | None = None


class Automation(_Model):
    """How one parameter moves: "gain_db", "pan", "width", "effects/0/frequency_hz" or "sends/0/gain_db"."""

    target: Annotated[str, Field(min_length=1, max_length=128)]
    points: Annotated[tuple[Point, ...], Field(min_length=1, max_length=limits.POINTS)]


class Effect(_Model):
    """An insert. Parameters that are left out keep their defaults; `sidechain` names the channel that steers it."""

    type: Annotated[str, Field(min_length=1, max_length=64)]
    parameters: Annotated[dict[str, Any], Field(max_length=64)] = Field(default_factory=dict)
    bypass: bool = False
    sidechain: Identifier | None = None


class Send(_Model):
    """A copy of a channel's sound into a bus, after its fader unless `pre_fader`."""

    to: Identifier
    gain_db: Gain = 0.0
    pre_fader: bool = False


class _Strip(_Model):
    gain_db: Gain = 0.0
    pan: Pan = 0.0
    pan_law: PanLaw = "balance"
    width: Width = 1.0
    effects: Annotated[tuple[Effect, ...], Field(max_length=limits.EFFECTS)] = ()
    automation: Annotated[tuple[Automation, ...], Field(max_length=limits.LANES)] = ()


class _Channel(_Strip):
    mute: bool = False
    solo: bool = False
    sends: Annotated[tuple[Send, ...], Field(max_length=limits.SENDS)] = ()
    output: Identifier = MASTER


class Track(_Channel, Source):
    """A channel with one source, or with `clips`. Without an `id` it is called track1, track2, …

    `crossfade` makes each clip that overlaps the next one fade out while that one fades in.
    """

    id: Identifier | None = None
    name: Annotated[str, Field(max_length=200)] | None = None
    clips: Annotated[tuple[Clip, ...], Field(max_length=limits.CLIPS)] = ()
    crossfade: FadeCurve | None = None


class Bus(_Channel):
    """A channel that only other channels feed. A `solo_safe` one stays audible when something else is soloed."""

    id: Identifier
    name: Annotated[str, Field(max_length=200)] | None = None
    solo_safe: bool = True


class Master(_Strip):
    """The last strip. `ceiling_dbtp` is what the safety limiter holds; null leaves it out."""

    ceiling_dbtp: Annotated[float, Field(ge=-24, le=0)] | None = -1.0
    fade_in: Fade | None = None
    fade_out: Fade | None = None


class Range(_Model):
    """The part of the song to render, in seconds; without an `end`, to the end."""

    start: Seconds = 0.0
    end: Annotated[float, Field(gt=0, le=limits.LONGEST_SECONDS)] | None = None

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.end is not None and self.end <= self.start:
            raise ValueError("The end has to lie after the start.")
        return self


class MixRequest(_Model):
    """A whole session.

    `track_id` is the source of tracks that name only a stem. `sample_rate` is by default 44.1 or 48 kHz, whichever
    suits the highest of the sources; `tempo` in beats a minute, by default the sources' own. `tail` is how long the
    mix may ring after the last clip; by default until it is silent. `engine_revision` is of the mixer that rendered
    this session last; kept sessions say it, and another mixer's result says that it may sound different.
    """

    version: Literal[1] = 1
    engine_revision: Annotated[str, Field(min_length=1, max_length=16)] | None = None
    title: Title | None = None
    tempo: Annotated[float, Field(ge=20, le=400)] | None = None
    sample_rate: Literal[44_100, 48_000] | None = None
    track_id: Annotated[str, Field(min_length=1, max_length=64)] | None = None
    tracks: Annotated[tuple[Track, ...], Field(min_length=1, max_length=limits.TRACKS)]
    buses: Annotated[tuple[Bus, ...], Field(max_length=limits.BUSES)] = ()
    master: Master = Field(default_factory=Master)
    tail: Annotated[float, Field(ge=0, le=limits.LONGEST_TAIL_SECONDS)] | None = None
    range: Range | None = None

    @property
    def said_seconds(self) -> float:
        """Where the last clip ends, as far as the session alone says."""
        return max(clip.start + (clip.length or 0.0) for _, clip in self.pointed_clips())

    def name_of(self, index: int) -> str:
        """The id of the track at `index`."""
        return self.tracks[index].id or f"track{index + 1}"

    def clips_of(self, index: int) -> tuple[Clip, ...]:
        """The clips of the track at `index`, each with the track that it is taken from."""
        track = self.tracks[index]
        if not track.clips:
            shared = {name: getattr(track, name) for name in Source.model_fields}
            clips: tuple[Clip, ...] = (Clip.model_construct(**shared),)
        else:
            clips = track.clips
        return tuple(self._sourced(track, clip) for clip in clips)

    def pointed_clips(self) -> list[tuple[str, Clip]]:
        """Every clip of the session with the pointer to it."""
        return [
            (f"/tracks/{number}/clips/{index}" if track.clips else f"/tracks/{number}", clip)
            for number, track in enumerate(self.tracks)
            for index, clip in enumerate(self.clips_of(number))
        ]

    def naming_pointers(self) -> dict[str, str]:
        """Each source track with the field that first names it."""
        found: dict[str, str] = {}
        for number, track in enumerate(self.tracks):
            for index, clip in enumerate(track.clips or (track,)):
                if track.clips and clip.track_id is not None:
                    found.setdefault(clip.track_id, f"/tracks/{number}/clips/{index}/track_id")
                elif track.track_id is not None:
                    found.setdefault(track.track_id, f"/tracks/{number}/track_id")
                elif self.track_id is not None:
                    found.setdefault(self.track_id, "/track_id")
        return found

    def _sourced(self, track: Track, clip: Clip) -> Clip:
        return clip.model_copy(
            update={
                "track_id": clip.track_id or track.track_id or self.track_id,
                # A clip of another track does not inherit the stem of this one.
                "stem": clip.stem or (track.stem if clip.track_id in (None, track.track_id) else None),
            }
        )
