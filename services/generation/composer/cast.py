"""Who plays: the genre's layers, changed by the instruments that were asked for and those that were not wanted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from services.generation.composer.genres.profile import BASS_GAIN_DB, Drums, Genre, Groove, Layer
from services.generation.composer.instruments import INSTRUMENTS, Instrument, family_programs
from services.generation.composer.spec import MusicSpec
from services.generation.composer.streams import Stream

_ALWAYS = 0.34
"""Layers that were asked for enter at this energy or below."""

_SWAPPABLE = frozenset({*range(29), 31, 45, 46, 104, 105, 106, 107, 108})
"""Programs whose comping another plucked or struck instrument can take over."""

_PERCUSSION: dict[str, dict[str, str]] = {
    "shaker": {"shaker": "x.o.x.o.x.o.x.o."},
    "tambourine": {"tambourine": "..o.x...o...x.o."},
    "clap": {"clap": "....x.......x..."},
    "conga": {"conga": "..x...xx..x...xx", "conga_low": "......?.....x..."},
    "bongo": {"bongo": "x.oxx.oxx.oxx.ox", "bongo_low": "......x.......x."},
    "cowbell": {"cowbell": "x...x...x...x..."},
    "claves": {"claves": "x..x..x...x.x..."},
    "triangle": {"triangle": "..o...x...o...x."},
}
_ROLES = {
    "bass": frozenset({"bass"}),
    "chords": frozenset({"chords", "pad"}),
    "melody": frozenset({"melody", "double"}),
    "pad": frozenset({"pad"}),
}
_SELDOM = frozenset({"counter", "riser"})
_STAND_INS = {"chords": (0, 24, 4, 16), "melody": (73, 0, 40, 80), "pad": (89, 48), "bass": (33, 32, 38)}

_PLAIN_COMPING: tuple[tuple[str, ...], ...] = (("x-------x-------", "x-----x-----x---"),)
_PLAIN_BASS: tuple[tuple[str, ...], ...] = (("1-------5-------", "1-------1-----5-"),)
_DEFAULT_DRUMS = Drums(
    kits=(0,),
    grooves=(
        Groove(0.0, 0.6, {"kick": "x.......x.......", "rim": "....o.......o...", "hat": "o.o.o.o.o.o.o.o."}),
        Groove(0.6, 1.0, {"kick": "x.......x.x.....", "snare": "....x.......x...", "hat": "x.o.x.o.x.o.x.o."}),
    ),
    fills=({"snare": "....oxox"},),
)


@dataclass(frozen=True, slots=True)
class Cast:
    """The players of one song. Each layer has exactly one program; `extra` are asked percussion lanes."""

    layers: tuple[Layer, ...]
    drums: Drums | None
    extra: Mapping[str, str] = field(default_factory=dict)
    wanted: frozenset[str] = frozenset()
    """Names of layers that must be heard because they were asked for."""


def choose_cast(genre: Genre, spec: MusicSpec, stream: Stream) -> Cast:
    """The genre's line-up with the caller's wishes met."""
    layers = [
        replace(layer, programs=(stream.child(layer.name, "program").choose(layer.programs),))
        for layer in genre.layers
        if stream.child(layer.name, "in").chance(layer.chance) or _is_named(layer, spec)
    ]
    drums = genre.drums
    if drums is not None:
        drums = replace(drums, kits=(stream.child("kit").choose(drums.kits),))
    casting = _Casting(genre, layers, drums, _banned_programs(spec))
    for name in spec.without:
        casting.remove(name)
    if spec.only:
        casting.keep_only([INSTRUMENTS[name] for name in spec.instruments])
    else:
        for name in spec.instruments:
            casting.add(INSTRUMENTS[name])
    return casting.done()


def _is_named(layer: Layer, spec: MusicSpec) -> bool:
    families = [family_programs(INSTRUMENTS[name].family) for name in spec.instruments]
    return any(program in programs for programs in families for program in layer.programs)


def _banned_programs(spec: MusicSpec) -> frozenset[int]:
    unwanted = [INSTRUMENTS[name] for name in spec.without if name in INSTRUMENTS]
    return frozenset(
        program
        for instrument in unwanted
        if not instrument.lane and instrument.role != "drums"
        for program in family_programs(instrument.family)
    )


class _Casting:
    """A line-up while it is being changed."""

    def __init__(self, genre: Genre, layers: list[Layer], drums: Drums | None, banned: frozenset[int]) -> None:
        self._banned = banned
        self._genre = genre
        self._layers = layers
        self._drums = drums
        self._extra: dict[str, str] = {}
        self._wanted: set[str] = set()

    def done(self) -> Cast:
        """The line-up; a song that lost everything but what plays now and then keeps a single instrument."""
        layers, drums = self._layers, self._drums
        if drums is None and all(layer.role in _SELDOM and layer.name not in self._wanted for layer in layers):
            layers = [replace(self._genre.layers[0], programs=(self._genre.layers[0].programs[0],))]
        if not layers and drums is not None:
            drums = replace(drums, enters=0.0, skip=frozenset())
        return Cast(tuple(layers), drums, self._extra, frozenset(self._wanted))

    def remove(self, name: str) -> None:
        """Leave a role or an instrument out; another instrument takes its part where the song needs one."""
        if name in {"drums", "808", "brushes"}:
            self._drums = None
            return
        if name in _ROLES:
            self._layers = [layer for layer in self._layers if layer.role not in _ROLES[name]]
            return
        instrument = INSTRUMENTS.get(name)
        if instrument is None:
            return
        if instrument.lane and self._drums is not None:
            self._drums = _without_lane(self._drums, instrument.lane)
            return
        family = family_programs(instrument.family)
        kept = []
        for layer in self._layers:
            if layer.programs[0] not in family:
                kept.append(layer)
                continue
            if instrument.role == "bass" and layer.role == "bass":
                continue
            stand_in = self._stand_in(layer)
            if stand_in is not None:
                kept.append(replace(layer, programs=(stand_in,)))
        self._layers = kept

    def _stand_in(self, layer: Layer) -> int | None:
        if layer.role in {"double", "counter", "riser"}:
            return None
        own = next((known.programs for known in self._genre.layers if known.name == layer.name), ())
        options = [*own, *_STAND_INS.get(layer.role, ())]
        return next((program for program in options if program not in self._banned), None)

    def keep_only(self, wanted: Sequence[Instrument]) -> None:
        """Only these instruments: each of the genre's roles goes to the one that can play it, or to nobody."""
        drums = [instrument for instrument in wanted if instrument.role == "drums"]
        if not drums:
            self._drums = None
        leads = [instrument for instrument in wanted if instrument.role in {"lead", "either"}]
        chordal = [instrument for instrument in wanted if instrument.role in {"either", "chords", "pad"}]
        basses = [instrument for instrument in wanted if instrument.role == "bass"]
        if len(leads) > 2 and leads[2].low <= 40:
            basses.append(leads[2])
        players = {
            "melody": leads[:1] or chordal[:1],
            "chords": chordal,
            "pad": [],
            "bass": basses,
            "counter": leads[1:2],
        }
        kept: list[Layer] = []
        for role in ("melody", "chords", "bass", "counter"):
            own = [layer for layer in self._layers if layer.role == role]
            for index, instrument in enumerate(players[role][: 2 if role == "chords" else 1]):
                model = own[index] if index < len(own) else own[0] if own else self._new_layer(instrument, role)
                kept.append(_played_by(model, instrument, rename=index >= len(own)))
        self._layers = [replace(layer, enters=min(layer.enters, _ALWAYS), skip=frozenset()) for layer in kept]
        self._wanted = {layer.name for layer in self._layers}
        for instrument in wanted:
            if instrument.role in {"drums", "percussion"}:
                self.add(instrument)

    def add(self, instrument: Instrument) -> None:
        """Make sure that an instrument is heard, in the part that it usually plays."""
        if instrument.role == "drums":
            self._add_drums(instrument)
        elif instrument.lane:
            self._drums = self._drums or replace(_DEFAULT_DRUMS, grooves=(Groove(0.0, 1.0, {}),), fills=(), crash="")
            self._extra.update(_PERCUSSION[instrument.lane])
        elif not self._is_heard(instrument):
            self._give_part(instrument)

    def _add_drums(self, instrument: Instrument) -> None:
        drums = self._drums or _DEFAULT_DRUMS
        kits = drums.kits if instrument.generic else (instrument.program,)
        self._drums = replace(drums, kits=kits, enters=min(drums.enters, 0.28))

    def _is_heard(self, instrument: Instrument) -> bool:
        """Whether a layer already plays it; any member of the family will do for a generic name. Then it is kept in."""
        programs = family_programs(instrument.family) if instrument.generic else {instrument.program}
        for index, layer in enumerate(self._layers):
            if layer.programs[0] in programs and layer.role != "riser":
                self._claim(index, layer)
                return True
        for index, layer in enumerate(self._layers):
            own = next((known.programs for known in self._genre.layers if known.name == layer.name), ())
            match = next((program for program in own if program in programs), None)
            if match is not None and layer.name not in self._wanted:
                self._claim(index, replace(layer, programs=(match,)))
                return True
        return False

    def _claim(self, index: int, layer: Layer) -> None:
        self._layers[index] = replace(layer, enters=min(layer.enters, _ALWAYS), leaves=1.01)
        self._wanted.add(layer.name)

    def _give_part(self, instrument: Instrument) -> None:
        role = {"either": "chords", "percussion": "bass"}.get(instrument.role, instrument.role)
        role = "melody" if role == "lead" else role
        for index, layer in enumerate(self._layers):
            swappable = layer.programs[0] in _SWAPPABLE and layer.style != "power" if role == "chords" else True
            taken = layer.name in self._wanted or instrument.role == "percussion"
            if layer.role == role and swappable and not taken:
                self._claim(index, _played_by(layer, instrument, rename=False))
                return
        if instrument.role == "lead" and any(layer.role == "melody" for layer in self._layers):
            role = "counter"
        layer = _played_by(self._new_layer(instrument, role), instrument, rename=True)
        self._layers.append(layer)
        self._claim(len(self._layers) - 1, layer)

    def _new_layer(self, instrument: Instrument, role: str) -> Layer:
        """A part for an instrument that the genre does not know."""
        reverb = -17.0
        if role == "bass":
            patterns = _PLAIN_BASS
            low, high = max(28, instrument.low), max(43, min(instrument.low + 24, 52))
            gain = BASS_GAIN_DB if instrument.role == "bass" else -10.0
            stem = "bass" if instrument.role == "bass" else "other"
            return Layer(instrument.name, stem, "bass", (0,), patterns, low, high, gain_db=gain, reverb_db=reverb)
        if role == "melody":
            return Layer(
                instrument.name, "melody", role, (0,), low=60, high=81, velocity=88, gain_db=-1.0, reverb_db=reverb
            )
        if role == "counter":
            return Layer(
                instrument.name, "other", role, (0,), low=55, high=76, velocity=70, gain_db=-6.0, reverb_db=reverb
            )
        if role == "pad":
            return Layer(
                instrument.name, "other", role, (0,), low=50, high=76, velocity=62, gain_db=-8.0, reverb_db=reverb
            )
        model = next((layer for layer in self._genre.layers if layer.role == "chords" and layer.style != "power"), None)
        patterns = _PLAIN_COMPING if model is None else model.patterns
        return Layer(instrument.name, "chords", "chords", (0,), patterns, low=50, high=74, gain_db=-6.0, pan=0.25)


def _played_by(layer: Layer, instrument: Instrument, *, rename: bool) -> Layer:
    """The layer on another instrument, moved by octaves into its compass."""
    low, high = layer.low, layer.high
    while low < instrument.low and high + 12 <= 108:
        low, high = low + 12, high + 12
    while high > instrument.high and low - 12 >= 24:
        low, high = low - 12, high - 12
    low, high = max(low, instrument.low), min(high, instrument.high)
    if high - low < 12:
        high = min(127, low + 14)
    name = instrument.name if rename else layer.name
    return replace(layer, name=name, programs=(instrument.program,), low=low, high=high)


def _without_lane(drums: Drums, lane: str) -> Drums:
    grooves = tuple(
        replace(groove, lanes={name: text for name, text in groove.lanes.items() if not name.startswith(lane)})
        for groove in drums.grooves
    )
    return replace(drums, grooves=grooves)
