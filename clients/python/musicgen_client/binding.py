"""Makes a method of a client out of a function of `calls`, with the right name, documentation and signature."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, Final, TypeVar

MethodT = TypeVar("MethodT", bound=Callable[..., Any])

_PAGES: Final = "Page after page as they are needed: `limit` is how many a request brings, `cursor` where to begin."


def bound(method: MethodT, build: Callable[..., Any]) -> MethodT:
    """`method`, described as `build` is, with `self` in front of its parameters."""
    return _described(method, build.__name__, build.__doc__, inspect.signature(build))


def bound_walk(method: MethodT, build: Callable[..., Any], limit: int) -> MethodT:
    """`method`, described as what walks all pages of the list of `build`, by default `limit` items a request."""
    signature = inspect.signature(build)
    parameters = [
        parameter.replace(default=limit) if parameter.name == "limit" else parameter
        for parameter in signature.parameters.values()
    ]
    document = f"{build.__doc__}\n\n{_PAGES}"
    return _described(method, f"all_{build.__name__}", document, signature.replace(parameters=parameters))


def _described(method: MethodT, name: str, document: str | None, signature: inspect.Signature) -> MethodT:
    own = inspect.Parameter("self", inspect.Parameter.POSITIONAL_ONLY)
    method.__name__ = name
    method.__doc__ = document
    method.__dict__["__signature__"] = signature.replace(parameters=[own, *signature.parameters.values()])
    return method
