"""Kernels: functions that numba compiles, and that later processes run without importing numba.

numba's import takes a quarter of a second of one core, a short song two thirds. So the first call of a kernel goes
through numba, which compiles it or has it in its cache; its machine code is kept (`machine_code`), and the next process
calls that. Which machine code fits is decided as numba decides it, by the types of the arguments; whether it still is
this kernel's, by all that went into it: bytecode, options, and the values and kernels that it names.

Whatever is not as it was goes through numba as ever.
"""

from __future__ import annotations

import functools
import hashlib
import math
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import BuiltinFunctionType, CodeType
from typing import Any

import numpy as np

from services.shared import machine_code
from services.shared.machine_code import UnusableError

# What numba's types of arrays tell apart: C-contiguous, Fortran-contiguous, aligned, writeable (`ndarray.flags`).
_CONTIGUOUS, _FORTRAN = 0x1, 0x2
_LAYOUT = _CONTIGUOUS | _FORTRAN | 0x100 | 0x400
_lock = threading.RLock()


def kernel(function: Any = None, /, **options: Any) -> Any:
    """Decorate a kernel. Options are those of numba's `njit`; it is cached, and runs without Python's lock."""
    if function is None:
        return functools.partial(kernel, **options)
    if os.environ.get("NUMBA_DISABLE_JIT", "0") != "0":
        return function
    return Kernel(function, options)


class Kernel:
    """A compiled function of numbers and arrays; other kernels may call it, and so may functions under `njit`.

    Arrays that it answers with come from the caller: making one takes numba.
    """

    def __init__(self, function: Any, options: dict[str, Any]) -> None:
        functools.update_wrapper(self, function)
        self.py_func = function
        self._options = options
        self._ready: dict[tuple[Any, ...], Callable[..., Any]] = {}

    def __call__(self, *arguments: Any) -> Any:
        """Run it."""
        # Thousands of times a song: in one expression.
        types = tuple(
            [
                (value.dtype, value.ndim, value.flags.num & _LAYOUT) if type(value) is np.ndarray else type(value)
                for value in arguments
            ]
        )
        run = self._ready.get(types)
        if run is None:
            with _lock:
                run = self._ready.get(types) or self._prepare(arguments)
                self._ready[types] = run
        return run(*arguments)

    @functools.cached_property
    def dispatcher(self) -> Any:
        """The kernel as numba knows it."""
        from services.shared.kernel_cache import share_kernel_cache
        from services.shared.numba_start import start_numba

        start_numba()
        share_kernel_cache()
        from numba import njit

        return njit(cache=True, nogil=True, **self._options)(self.py_func)

    @property
    def _numba_type_(self) -> Any:
        """What numba sees where another kernel names this one."""
        from numba import types

        return types.Dispatcher(self.dispatcher)

    def _prepare(self, arguments: tuple[Any, ...]) -> Callable[..., Any]:
        try:
            path, identity = self._place(arguments)
        except UnusableError:
            return self.dispatcher  # type: ignore[no-any-return]
        try:
            return machine_code.load(path, identity, self.py_func.__name__)
        except UnusableError:
            dispatcher = self.dispatcher
        signature = tuple(map(dispatcher.typeof_pyval, arguments))
        dispatcher.compile(signature)
        machine_code.save(path, identity, dispatcher, signature)
        return dispatcher.overloads[signature].entry_point  # type: ignore[no-any-return]

    def _place(self, arguments: tuple[Any, ...]) -> tuple[Path, str]:
        """The file of the machine code for such arguments, beside numba's cache; and a digest of what it is made of."""
        source = Path(self.py_func.__code__.co_filename)
        types = " ".join(map(_type, arguments))
        name = _digest((str(source), types, machine_code.host()))[:16]
        identity = _digest((types, machine_code.host(), *self._ingredients()))
        folder = Path(os.environ.get("NUMBA_CACHE_DIR") or source.parent / "__pycache__")
        return folder / f"{self.py_func.__name__}-{name}.kernel", identity

    def _ingredients(self) -> Iterator[str]:
        code = self.py_func.__code__
        if code.co_freevars or self.py_func.__defaults__ or any(isinstance(part, CodeType) for part in code.co_consts):
            raise UnusableError("There is more to the kernel than one function.")
        yield f"{self.py_func.__module__} {self.py_func.__qualname__} {code.co_varnames} {code.co_argcount}"
        yield f"{code.co_flags} {code.co_code.hex()} {code.co_consts}"
        for option, value in sorted(self._options.items()):
            yield f"{option} {sorted(value) if isinstance(value, set) else value}"
        for name in code.co_names:
            yield name
            value = self.py_func.__globals__.get(name)
            if isinstance(value, Kernel):
                yield from value._ingredients()
            elif isinstance(value, np.ndarray):
                yield f"{_type(value)} {value.shape} {value.tobytes().hex()}"
            elif isinstance(value, type | BuiltinFunctionType):
                yield f"{value.__module__} {value.__qualname__}"
            elif value is None or isinstance(value, bool | int | float | np.number):
                yield f"{type(value).__name__} {value!r}"
            elif value not in (math, np):
                raise UnusableError(f"Nobody knows whether {name} stays what it is.")


def _type(value: Any) -> str:
    if type(value) is np.ndarray and value.dtype.kind in "biuf":
        layout = value.flags.num & _LAYOUT
        return f"{value.dtype.str} {value.ndim} {layout & ~_FORTRAN if layout & _CONTIGUOUS else layout}"
    if type(value) in (bool, int, float) or isinstance(value, np.bool_ | np.number):
        return type(value).__name__
    raise UnusableError(f"What a {type(value).__name__} is to machine code, numba knows.")


def _digest(parts: tuple[str, ...]) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()
