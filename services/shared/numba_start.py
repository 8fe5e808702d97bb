"""Starting numba without what its kernels here never use.

Before it looks into its cache numba (0.68, `core/caching.py`) prepares to compile: it loads its tables of array
functions and installs every function that it knows, though machine code that is found in the cache calls none of them.
And among those tables is a look for a BLAS (`np/arraymath.py`): it imports `scipy.linalg`, and with it f2py and the
test tools of numpy and scipy. Together that is more than half of what the first kernel of a process costs.

Here a kernel in the cache is loaded as it is, and numba prepares to compile when something is compiled. None of our
kernels multiplies matrices. Without a BLAS, numba computes inner products of polynomials itself; nothing else of it
depends on this look.

Before its first kernel numba also reads the metadata of every installed package, for extensions of numba
(`core/entrypoints.py`); our kernels use none. And a kernel that makes an array names a function of numba's own beside
its code, whose module would be imported for globals that compiled code never looks at (`core/environment.py`).
"""

from __future__ import annotations

import functools
import importlib
import importlib.abc
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

_STARTED = "_music_gen_started"
_OWN_MODULES = "numba."
_lock = threading.Lock()


class _Hidden(importlib.abc.MetaPathFinder):
    """Refuses one module to one thread; others find it as ever."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._thread = threading.get_ident()

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname == self._name and threading.get_ident() == self._thread:
            raise ModuleNotFoundError(f"{fullname} is not looked for here", name=fullname)
        return None


@contextmanager
def _without(name: str) -> Iterator[None]:
    hidden = _Hidden(name)
    if name not in sys.modules:
        sys.meta_path.insert(0, hidden)
    try:
        yield
    finally:
        if hidden in sys.meta_path:
            sys.meta_path.remove(hidden)


def start_numba() -> None:
    """Let numba load kernels from its cache at once, and prepare to compile only when it must; then without
    `scipy.linalg` where nobody has loaded it yet. Idempotent; call it before the first kernel.
    """
    with _lock:
        if "numba" not in sys.modules:
            # It asks for scipy's version, and never again.
            with _without("scipy"):
                importlib.import_module("numba")
        cache: Any = importlib.import_module("numba.core.caching").Cache
        context: Any = importlib.import_module("numba.core.cpu").CPUContext
        memory: Any = importlib.import_module("numba.core.runtime").rtsys
        if getattr(cache, _STARTED, False):
            return
        extensions: Any = importlib.import_module("numba.core.entrypoints")
        extensions._already_initialized = True
        _spare_imports(importlib.import_module("numba.core.environment"))
        prepare, load = context.load_additional_registries, cache.load_overload

        def load_additional_registries(own: Any) -> None:
            with _without("scipy.linalg"):
                prepare(own)

        def load_overload(own: Any, signature: Any, target: Any) -> Any:
            if not isinstance(target, context):
                return load(own, signature, target)
            # What machine code itself needs: the symbols of numba's memory management.
            memory.initialize(target)
            with own._guard_against_spurious_io_errors():
                return own._load_overload(signature, target)

        context.load_additional_registries = load_additional_registries
        cache.load_overload = load_overload
        setattr(cache, _STARTED, True)


def _spare_imports(environments: Any) -> None:
    """Let a kernel from the cache name functions of numba's own without their modules being imported."""
    rebuild = environments._rebuild_env

    # Kernels in the cache name the function by its place in numba.
    @functools.wraps(rebuild)
    def _rebuild_env(module: str, constants: list[Any], name: str) -> Any:
        found = environments.lookup_environment(name)
        if found is not None or module in sys.modules or not module.startswith(_OWN_MODULES):
            return found or rebuild(module, constants, name)
        made = environments.Environment({"__name__": module})
        made.consts[:] = constants
        made.env_name = name
        environments.Environment._memo[name] = made
        return made

    environments._rebuild_env = _rebuild_env
