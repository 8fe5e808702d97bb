"""Threads that work through the phases of a step together, compiled: no lock, and nobody that has to be there.

A phase is a number of pieces of work that share nothing. Who is free claims the next piece; a phase is over when as
many pieces are finished as it has, and only then does anybody go on to the next. So one thread alone comes to the end,
a thread that the system takes off its core holds the others up by one piece at most, and one that comes late finds
nothing left to do. Waiting is a look at a counter, many times over; after that the core is offered to others.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic

from services.generation.runtimes.attention_kernel import pointer_to

COUNTERS = 16
"""Numbers of a phase in `counters`, int64, all 0 before a step: claimed and finished pieces, a cache line each."""

_FINISHED = 8
_INDEX = ir.IntType(64)
# About twenty microseconds: longer than any piece that others are at, shorter than a turn of the system.
_LOOKS = 500
_ORDER = "seq_cst"

_offer_core = types.ExternalFunction("sched_yield", types.int32())


def _count(_: Any, counters: Any, at: Any) -> Any:
    """Add one to a counter that others add to; what it was."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        place = pointer_to(context, builder, signature.args[0], *arguments)
        return builder.atomic_rmw("add", place, _INDEX(1), _ORDER)

    return types.int64(counters, types.int64), generate


def _look(_: Any, counters: Any, at: Any) -> Any:
    """What a counter is now; what its adders wrote before is there to be read."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        place = pointer_to(context, builder, signature.args[0], *arguments)
        return builder.load_atomic(place, "acquire", 8)

    return types.int64(counters, types.int64), generate


def _pause(_: Any) -> Any:
    """Tell the processor that this is waiting."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        kind = ir.FunctionType(ir.VoidType(), [])
        builder.call(cgutils.get_or_insert_function(builder.module, kind, "llvm.x86.sse2.pause"), [])  # type: ignore[no-untyped-call]
        return context.get_dummy_value()

    return types.void(), generate


_counted: Any = intrinsic(_count)
_looked: Any = intrinsic(_look)
_paused: Any = intrinsic(_pause)


@njit(inline="always")
def claim(counters: Any, phase: int) -> Any:
    """The next piece of a phase, 0, 1, 2, …: at its number of pieces nothing is left."""
    return _counted(counters, phase * COUNTERS)


@njit(inline="always")
def finish(counters: Any, phase: int) -> None:
    """A claimed piece is done."""
    _counted(counters, phase * COUNTERS + _FINISHED)


@njit(nogil=True, cache=True)
def wait_for(counters: Any, phase: int, pieces: int) -> None:
    """Until all pieces of a phase are finished."""
    looks = 0
    while _looked(counters, phase * COUNTERS + _FINISHED) < pieces:
        looks += 1
        if looks < _LOOKS:
            _paused()
        else:
            _offer_core()
