"""CUDA graphs of work that repeats: recorded once, and timed as they are replayed."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

import torch

AnswerT = TypeVar("AnswerT")

_TIMED = 5
# Clocks rise under work, and what is asked for the first time is allocated.
_WARM_UP = 2


def recorded(work: Callable[[], AnswerT], device: torch.device) -> tuple[torch.cuda.CUDAGraph, AnswerT]:
    """The graph of some work of fixed shapes and addresses, with its answer, which each replay writes again."""
    side = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
    side.wait_stream(torch.cuda.current_stream(device))
    with torch.cuda.stream(side):
        for _ in range(_WARM_UP):
            work()
    torch.cuda.current_stream(device).wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        answer = work()
    return graph, answer


def graph_seconds(work: Callable[[], object], device: torch.device) -> float:
    """What work takes on the device as a graph, by the device's own clock: the least of a few replays."""
    graph, _ = recorded(work, device)
    taken: list[float] = []
    for _ in range(_WARM_UP + _TIMED):
        began, ended = (torch.cuda.Event(enable_timing=True) for _ in range(2))  # type: ignore[no-untyped-call]
        began.record()
        graph.replay()
        ended.record()
        ended.synchronize()
        taken.append(began.elapsed_time(ended) / 1e3)
    return min(taken[_WARM_UP:])


def call_seconds(work: Callable[[], object]) -> float:
    """What work takes where there are no graphs: the least of a few calls, after one that counts nothing."""
    work()
    taken = []
    for _ in range(_TIMED):
        began = time.perf_counter()
        work()
        taken.append(time.perf_counter() - began)
    return min(taken)
