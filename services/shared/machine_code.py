"""Machine code that numba made, run without numba: kept in files of our own and loaded by LLVM.

What is kept is the object file of a compiled function (numba 0.68, `core/codegen.py`). In it is the wrapper that numba
itself calls (`core/callwrapper.py`): it takes Python's arguments apart, lets go of Python's lock and calls the
function. Some of the symbols that it needs are in numba's C extensions, which are loaded alone: importing them as usual
would import all of numba.

A file is code, so only one that nobody but its owner may write is looked at, and whose owner we are, or root. A digest
tells whether it is whole. LLVM ends the process where a symbol is missing: the file names those that it needs, and they
are looked for first.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import hashlib
import importlib
import importlib.util
import json
import os
import struct
import sys
import tempfile
from collections.abc import Callable, Iterator
from importlib import metadata
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

_FORMAT = b"kernel 1\n"
_OTHERS_MAY_WRITE = 0o022
# Of ELF: where its table of sections is described, the kind of section that names symbols, and no section.
_ELF_64_LITTLE_ENDIAN = b"\x7fELF\x02\x01"
_SECTIONS_AT, _SYMBOLS, _SYMBOL_BYTES, _UNDEFINED = 0x28, 2, 24, 0
_OFFSETS = "_GLOBAL_OFFSET_TABLE_"


class UnusableError(Exception):
    """There is no machine code that fits; numba knows what to do."""


@functools.cache
def load(path: Path, identity: str, name: str) -> Callable[..., Any]:
    """The function whose machine code `save` kept in a file; UnusableError unless it is whole and of this identity."""
    try:
        head, code = _read(path)
        if head["identity"] != identity:
            raise UnusableError("It was made of something else.")
        return _link(head, code, name)
    except (OSError, ValueError, KeyError, ImportError, AttributeError, RuntimeError) as error:
        raise UnusableError(str(error)) from error


def save(path: Path, identity: str, dispatcher: Any, signature: tuple[Any, ...]) -> None:
    """Keep what numba compiled for a signature for other processes, where that can be done."""
    from numba import types

    compiled = dispatcher.overloads[signature]
    # To make an array, the wrapper asks numba's Python for the array's class.
    if not isinstance(compiled.signature.return_type, types.NoneType | types.Boolean | types.Number):
        return
    # Without a cache of numba's there is no place for one of ours.
    with contextlib.suppress(OSError, ValueError, AttributeError):
        cache = dispatcher._cache
        kept = cache._cache_file.load(cache._index_key(signature, dispatcher.targetctx.codegen()))
        _, _, (code, _) = kept[0]
        head = {
            "identity": identity,
            "wrapper": compiled.fndesc.llvm_cpython_wrapper_name,
            "environment": compiled.environment.env_name,
            "symbols": list(_symbols_needed(code)),
        }
        _write(path, json.dumps(head).encode() + b"\n" + code)


@functools.cache
def host() -> str:
    """All of this processor, of these libraries and of their settings that machine code depends on; UnusableError where
    that cannot be told."""
    try:
        llvm = _llvm()
        versions = (sys.version, np.__version__, metadata.version("llvmlite"), (_numba() / "_version.py").read_text())
        processor = (llvm.get_process_triple(), llvm.get_host_cpu_name(), llvm.get_host_cpu_features().flatten())
    except (OSError, ImportError, RuntimeError) as error:
        raise UnusableError(str(error)) from error
    return repr((versions, processor, sorted(item for item in os.environ.items() if item[0].startswith("NUMBA_"))))


def _read(path: Path) -> tuple[dict[str, Any], bytes]:
    with path.open("rb") as file:
        standing = os.fstat(file.fileno())
        if standing.st_uid not in (0, os.geteuid()) or standing.st_mode & _OTHERS_MAY_WRITE:
            raise UnusableError("Somebody else may have written it.")
        content = file.read()
    start = len(_FORMAT) + hashlib.sha256().digest_size
    if not content.startswith(_FORMAT) or content[len(_FORMAT) : start] != hashlib.sha256(content[start:]).digest():
        raise UnusableError("It is damaged.")
    head, code = content[start:].split(b"\n", 1)
    return json.loads(head), code


def _write(path: Path, content: bytes) -> None:
    """All at once, so that whoever reads finds a whole file; and for ourselves alone."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=path.parent)
    made = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(_FORMAT + hashlib.sha256(content).digest() + content)
        made.replace(path)
    except OSError:
        made.unlink()
        raise


def _link(head: dict[str, Any], code: bytes, name: str) -> Callable[..., Any]:
    llvm, extensions, engine = _llvm(), _extensions(), _engine()
    missing = [symbol for symbol in head["symbols"] if not llvm.address_of_symbol(symbol)]
    if missing:
        raise UnusableError(f"{missing} are not there.")
    engine.add_object_file(llvm.ObjectFileRef.from_data(code))
    engine.finalize_object()
    # Where the wrapper looks for objects of Python's; it needs none, and refuses to run without a place for them.
    environment = extensions.Environment({})
    place = engine.get_global_value_address(head["environment"])
    ctypes.c_void_p.from_address(place).value = id(environment)
    wrapper = engine.get_function_address(head["wrapper"])
    run: Callable[..., Any] = extensions.make_function(sys.modules[__name__], name, name, wrapper, environment, engine)
    return run


@functools.cache
def _engine() -> Any:
    """What holds the machine code of this process. With it LLVM also finds the symbols of the process."""
    llvm = _llvm()
    target = llvm.Target.from_default_triple().create_target_machine()
    return llvm.create_mcjit_compiler(llvm.parse_assembly(""), target)


@functools.cache
def _extensions() -> Any:
    """numba's C extension that makes functions of machine code, once the symbols of the others are known to LLVM."""
    llvm = _llvm()
    helpers, memory = _extension("_helperlib").c_helpers, _extension("core.runtime._nrt_python")
    memory.memsys_use_cpython_allocator()
    for prefix, symbols in (("numba_", helpers), ("NRT_", memory.c_helpers)):
        for symbol, address in symbols.items():
            llvm.add_symbol(symbol if symbol.startswith("_") else prefix + symbol, address)
    return _extension("_dynfunc")


def _extension(name: str) -> ModuleType:
    whole = f"numba.{name}"
    if whole in sys.modules:
        return sys.modules[whole]
    path = _numba() / f"{name.replace('.', '/')}{EXTENSION_SUFFIXES[0]}"
    found = importlib.util.spec_from_file_location(whole, path)
    if found is None or found.loader is None:
        raise ImportError(f"{path} is no module.")
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    if "numba" not in sys.modules:
        # Whoever imports it later does so from the start.
        sys.modules.pop(whole, None)
    return module


@functools.cache
def _numba() -> Path:
    found = importlib.util.find_spec("numba")
    if found is None or not found.origin:
        raise ImportError("numba is not installed.")
    return Path(found.origin).parent


@functools.cache
def _llvm() -> Any:
    llvm = importlib.import_module("llvmlite.binding")
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    return llvm


def _symbols_needed(code: bytes) -> Iterator[str]:
    """The names that an object file leaves open; ValueError for any other than ELF of 64 bits."""
    if not code.startswith(_ELF_64_LITTLE_ENDIAN):
        raise ValueError("This is no object file of the kind that we read.")
    at, size, count = struct.unpack_from("<Q10xHH", code, _SECTIONS_AT)
    # Kind, place, length, and which section holds the names.
    sections = [struct.unpack_from("<4xI16xQQI", code, at + index * size) for index in range(count)]
    for kind, start, length, names in sections:
        # The first symbol is none.
        for place in range(start + _SYMBOL_BYTES, start + length, _SYMBOL_BYTES) if kind == _SYMBOLS else ():
            name, section = struct.unpack_from("<IxxH", code, place)
            if section == _UNDEFINED:
                begin = sections[names][1] + name
                symbol = code[begin : code.index(b"\0", begin)].decode()
                if symbol != _OFFSETS:
                    yield symbol
