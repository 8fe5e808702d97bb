"""Makes a method of a client out of a function of `calls`, with the right name, documentation and signature."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, TypeVar

MethodT = TypeVar("MethodT", bound=Callable[..., Any])


def bound(method: MethodT, build: Callable[..., Any]) -> MethodT:
    """`method`, described as `build` is, with `self` in front of its parameters."""
    own = inspect.Parameter("self", inspect.Parameter.POSITIONAL_ONLY)
    signature = inspect.signature(build)
    method.__name__ = build.__name__
    method.__doc__ = build.__doc__
    method.__dict__["__signature__"] = signature.replace(parameters=[own, *signature.parameters.values()])
    return method
