"""What a parameter of an effect, a channel or a clip is: its name, unit, range and default. Pure data."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

Scale = Literal["linear", "log", "db"]
Value = float | str | bool

SILENCE_DB: Final = -96.0
"""A gain at or below this is silence: the lowest value of every fader."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter. Numbers have a range, choices have names, switches have neither.

    `scale` says how a control should be drawn; automation always interpolates the values themselves.
    """

    name: str
    title: str
    default: Value
    minimum: float = 0.0
    maximum: float = 1.0
    unit: str = ""
    scale: Scale = "linear"
    automatable: bool = True
    choices: tuple[str, ...] = ()

    @property
    def is_number(self) -> bool:
        """Whether it takes a number, and not a name or a switch."""
        return not self.choices and not isinstance(self.default, bool)

    def refusal(self, value: object) -> str:
        """What is wrong with a value, as a sentence; empty when it is right."""
        if self.choices:
            return "" if value in self.choices else f"Choose one of {', '.join(self.choices)}."
        if isinstance(self.default, bool):
            return "" if isinstance(value, bool) else "Say true or false."
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            return "This has to be a number."
        if not self.minimum <= value <= self.maximum:
            unit = f" {self.unit}" if self.unit else ""
            return f"This has to lie between {self.minimum:g} and {self.maximum:g}{unit}."
        return ""

    def schema(self) -> dict[str, Any]:
        """The JSON that clients draw a control from."""
        described: dict[str, Any] = {"name": self.name, "title": self.title, "default": self.default}
        if self.choices:
            described |= {"kind": "choice", "choices": list(self.choices)}
        elif isinstance(self.default, bool):
            described |= {"kind": "switch"}
        else:
            described |= {"kind": "number", "min": self.minimum, "max": self.maximum}
        return described | {
            "unit": self.unit,
            "scale": self.scale,
            "automatable": self.automatable and self.is_number,
        }


@dataclass(frozen=True, slots=True)
class EffectType:
    """A kind of effect. `sidechain`: another channel's sound may steer it. `tail`: it sounds on after its input."""

    id: str
    title: str
    group: str
    description: str
    parameters: tuple[Parameter, ...]
    sidechain: bool = False
    tail: bool = False

    def parameter(self, name: str) -> Parameter | None:
        """The parameter of that name, if it has one."""
        return next((item for item in self.parameters if item.name == name), None)

    def settings(self, given: Mapping[str, Value]) -> dict[str, Value]:
        """Every parameter with its value: the given one, else the default."""
        return {item.name: given.get(item.name, item.default) for item in self.parameters}

    def schema(self) -> dict[str, Any]:
        """The JSON that clients draw a panel from."""
        return {
            "id": self.id,
            "title": self.title,
            "group": self.group,
            "description": self.description,
            "sidechain": self.sidechain,
            "parameters": [item.schema() for item in self.parameters],
        }


def hertz(name: str, title: str, default: float, low: float = 20.0, high: float = 20_000.0) -> Parameter:
    """A frequency."""
    return Parameter(name, title, default, low, high, "Hz", "log")


def decibels(name: str, title: str, default: float, low: float, high: float) -> Parameter:
    """A level or a gain."""
    return Parameter(name, title, default, low, high, "dB", "db")


def milliseconds(name: str, title: str, default: float, low: float, high: float, *, fixed: bool = False) -> Parameter:
    """A short time; `fixed` ones cannot be automated."""
    return Parameter(name, title, default, low, high, "ms", "log" if low > 0 else "linear", automatable=not fixed)


def fraction(name: str, title: str, default: float, low: float = 0.0, high: float = 1.0) -> Parameter:
    """A share, without unit."""
    return Parameter(name, title, default, low, high)


def choice(name: str, title: str, choices: Sequence[str], default: str) -> Parameter:
    """One of several names; it holds for the whole song."""
    return Parameter(name, title, default, unit="", automatable=False, choices=tuple(choices))


def switch(name: str, title: str, *, default: bool) -> Parameter:
    """On or off, for the whole song."""
    return Parameter(name, title, default, automatable=False)


def mix(default: float = 1.0) -> Parameter:
    """How much of the effect is heard beside the sound that enters it; 0 passes that through bit for bit."""
    return fraction("mix", "Mix", default)
