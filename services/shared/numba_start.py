"""Starting numba without what its kernels here never use.

Before its first kernel numba (0.68, `np/arraymath.py`) imports `scipy.linalg` to learn whether a BLAS is at hand, and
with it f2py and the test tools of numpy and scipy: half of what the first kernel of a process costs.
None of our kernels multiplies matrices. Without a BLAS, numba computes inner products of polynomials itself; nothing
else of it depends on this look.
"""

from __future__ import annotations

import importlib
import importlib.abc
import sys
import threading
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType

_HIDDEN = "scipy.linalg"
_TABLES = "numba.np.arraymath"


class _Hidden(importlib.abc.MetaPathFinder):
    """Refuses one module to one thread; others find it as ever."""

    def __init__(self) -> None:
        self._thread = threading.get_ident()

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname == _HIDDEN and threading.get_ident() == self._thread:
            raise ModuleNotFoundError(f"{_HIDDEN} is not looked for here", name=_HIDDEN)
        return None


def start_numba() -> None:
    """Load numba's tables of array functions, without `scipy.linalg` where nobody has loaded it yet. Idempotent."""
    if _TABLES in sys.modules:
        return
    hidden = _Hidden()
    if _HIDDEN not in sys.modules:
        sys.meta_path.insert(0, hidden)
    try:
        importlib.import_module(_TABLES)
    finally:
        if hidden in sys.meta_path:
            sys.meta_path.remove(hidden)
