"""What several threads ask for at once, computed together."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Generic, TypeVar

import torch

AskedT = TypeVar("AskedT")
AnswerT = TypeVar("AnswerT")


def least_rows() -> int:
    """Rows that a product has to have so that a row sums alike in any company: small ones are computed in other ways.

    Seen with MKL: with one thread from 4 rows on, with two from 12 on.
    """
    return max(16, 8 * torch.get_num_threads())


class Gathering(Generic[AskedT, AnswerT]):
    """One call of `work` at a time, for all who wait: who comes while one runs is in the next, with all others.

    Nobody waits for company: whoever comes first is computed alone. `work` answers each asked thing in its order. What
    fails in company is computed alone, so that one that cannot be computed fails for who asked for it.
    """

    def __init__(self, work: Callable[[Sequence[AskedT]], Sequence[AnswerT]]) -> None:
        self._work = work
        self._turn = threading.Lock()
        self._lock = threading.Lock()
        self._waiting: list[tuple[AskedT, Future[AnswerT]]] = []

    def __call__(self, asked: AskedT) -> AnswerT:
        """The answer; raises what `work` raises for it."""
        future: Future[AnswerT] = Future()
        with self._lock:
            self._waiting.append((asked, future))
        with self._turn:
            # Somebody who had the turn before may have done it along with their own.
            if not future.done():
                with self._lock:
                    taken, self._waiting = self._waiting, []
                self._answer(taken)
        return future.result()

    def _answer(self, taken: Sequence[tuple[AskedT, Future[AnswerT]]]) -> None:
        try:
            answers = self._work([asked for asked, _ in taken])
        except Exception as error:
            if len(taken) == 1:
                taken[0][1].set_exception(error)
                return
            for each in taken:
                self._answer([each])
            return
        for (_, future), answer in zip(taken, answers, strict=True):
            future.set_result(answer)
