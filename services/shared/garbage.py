"""How often Python looks for cycles of garbage: seldom in a server, and not at all while much is loaded that stays."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
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


@contextmanager
def without_collecting() -> Iterator[None]:
    """Look for no garbage while modules are loaded, nor ever again among what was: it all stays.

    Otherwise the collector runs a hundred and fifty times while the composer is imported. Where somebody has switched
    it off, it stays off.
    """
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
