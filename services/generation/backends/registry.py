"""Finds the backends: entry points of the group `musicgen.backends`, and further ones by name in development."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import EntryPoint, entry_points
from types import MappingProxyType

import structlog

from services.generation.backends.protocol import Backend, BackendEnvironment
from services.shared.errors import AppError, ErrorCode

GROUP = "musicgen.backends"

# Our own, for a source tree that runs without being installed: its entry points are known to nobody then.
OWN: Mapping[str, str] = MappingProxyType(
    {
        "composer": "services.generation.backends.composer:ComposerBackend",
        "musicgen": "services.generation.backends.musicgen:MusicGenBackend",
    }
)

_log = structlog.get_logger(__name__)


def find_backends(environment: BackendEnvironment, extra: Sequence[str] = ()) -> list[Backend]:
    """Every backend that can be loaded, in the order of their names, then the `extra` ones ("module:Class").

    A plug-in that fails is reported and left out, so that it does not take the others with it; an extra one or our own
    raises.
    """
    found = {name: EntryPoint(name, value, GROUP) for name, value in OWN.items()}
    found.update({point.name: point for point in entry_points(group=GROUP)})
    backends: list[Backend] = []
    for name in sorted(found):
        try:
            backends.append(found[name].load()(environment))
        except Exception:
            if name in OWN:
                raise
            _log.exception("backend_failed_to_load", backend=name, where=found[name].value)
    return backends + [_named(name)(environment) for name in extra]


def _named(name: str) -> Callable[[BackendEnvironment], Backend]:
    module, _, attribute = name.partition(":")
    try:
        backend: Callable[[BackendEnvironment], Backend] = getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        raise AppError(
            ErrorCode.VALIDATION, f"EXTRA_BACKENDS names {name}, which cannot be imported ({error}). Correct it."
        ) from error
    return backend
