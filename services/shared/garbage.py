"""How often Python looks for cycles of garbage in a server that makes many short-lived objects."""

from __future__ import annotations

import gc
from typing import Final

# Python's own first threshold (700 objects) has a server look several times a request, mostly in vain.
_YOUNG: Final = 20_000
_MIDDLE: Final = 20
_OLD: Final = 20


def spare_the_collector() -> None:
    """Leave what was made until now (modules, tables, schemas) out of every later look, and look less often."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(_YOUNG, _MIDDLE, _OLD)
