"""The kinds of processing job by name. A kind's package is imported when somebody asks for it, and not before.

So the gRPC server and Celery's parent stay light, and a kind that is not installed is simply not offered.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from importlib.util import find_spec
from typing import Final, cast

from services.processing.jobs.kind import JobKind

_MODULES: Final = {
    "separate": "services.processing.separation.job",
    "mix": "services.processing.mixing.job",
    "master": "services.processing.mastering.job",
    "transcribe": "services.processing.transcription.job",
    "analyze": "services.processing.analysis.job",
    "convert": "services.processing.conversion.job",
    "import": "services.processing.importing.job",
}


@cache
def offered() -> tuple[str, ...]:
    """The names of the kinds that can be asked for here."""
    return tuple(name for name, module in _MODULES.items() if _exists(module))


@cache
def kind_of(name: str) -> JobKind | None:
    """The kind of that name; None when there is none. The first call imports its package."""
    if name not in offered():
        return None
    return cast(JobKind, import_module(_MODULES[name]).KIND)


def _exists(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:
        return False
