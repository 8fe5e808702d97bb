"""Every effect by its id: what requests are checked against, what the API serves, what the mixer builds from."""

from __future__ import annotations

from typing import Final

from services.processing.mixing.catalogue.colour import COLOUR
from services.processing.mixing.catalogue.dynamics import DYNAMICS
from services.processing.mixing.catalogue.filters import FILTERS
from services.processing.mixing.catalogue.modulation import MODULATION
from services.processing.mixing.catalogue.parameter import EffectType
from services.processing.mixing.catalogue.space import SPACE

EFFECTS: Final[dict[str, EffectType]] = {item.id: item for item in (*FILTERS, *DYNAMICS, *COLOUR, *MODULATION, *SPACE)}
