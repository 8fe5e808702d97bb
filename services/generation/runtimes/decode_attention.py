"""How a step's rows attend to their caches on a device, and which way is taken: the usual one, or a faster right one.

A way is asked once a step for rows of given lengths, and then attends in every layer. On a GPU, `choose_attention`
holds each way of our own against float32 and times it at the shapes that will be served, because neither is known of a
card before.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor
from torch.nn import functional

Attend = Callable[[Tensor, Tensor, Tensor], Tensor]
"""Queries `[R, heads, n, head]` over keys and values `[R, heads, P, head]`, as the queries are shaped."""

# Finite: a fully masked row would be NaN after the softmax.
_MASKED = -1e4
# Of the largest number in float32's answer, how many steps of the cache's precision an answer may be off, and what
# float32 itself may be off when it sums in another order.
_TOLERATED_STEPS = 4.0
_LEAST_TOLERANCE = 1e-5


class DecodeAttention(Protocol):
    """One query for each row, over as many of its first positions as it has."""

    @property
    def name(self) -> str:
        """What the log calls it."""

    def __call__(self, lengths: Tensor, longest: int) -> Attend:
        """For rows that have `lengths` `[R]` (int32, on the device; 0 reads nothing), none of them over `longest`."""


class MaskedAttention:
    """torch's attention over the first `longest` positions of all rows; what a row does not have is masked.

    A row without any position answers the mean of the values that lie there: zeros, where it was never given any. Takes
    any number of queries for a row.
    """

    name = "masked"

    def __init__(self, dtype: torch.dtype) -> None:
        self._dtype = dtype

    def __call__(self, lengths: Tensor, longest: int) -> Attend:
        """See `DecodeAttention`."""
        missing = torch.arange(longest, device=lengths.device) >= lengths[:, None, None, None]
        mask = torch.zeros(missing.shape, device=lengths.device, dtype=self._dtype).masked_fill_(missing, _MASKED)

        def attend(queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
            seen = slice(0, longest)
            return functional.scaled_dot_product_attention(
                queries, keys[:, :, seen], values[:, :, seen], attn_mask=mask
            )

        return attend


@dataclass(frozen=True, slots=True)
class AttentionChoice:
    """What was taken, and what was seen of all ways, in words."""

    attention: DecodeAttention
    reason: str


def choose_attention(
    usual: DecodeAttention,
    others: Callable[[], Sequence[DecodeAttention]],
    error: Callable[[DecodeAttention], float],
    seconds: Callable[[DecodeAttention], float],
) -> AttentionChoice:
    """The fastest of those that are right; the usual one where none of the others is, or anything of them fails.

    `error` answers how far a way is from float32, 1 being just tolerable; `seconds` how long the attention of a step
    takes.
    """
    try:
        candidates = others()
        if not candidates:
            return AttentionChoice(usual, f"{usual.name}: there is no other here")
        usual_seconds = seconds(usual)
    except Exception as failure:
        return AttentionChoice(usual, f"{usual.name}: {_said(failure)}")
    best, best_seconds = usual, usual_seconds
    seen = [f"{usual.name} {_milliseconds(usual_seconds)}"]
    for candidate in candidates:
        try:
            off = error(candidate)
            # Not the other way round: what is not a number is wrong.
            if not off <= 1.0:
                seen.append(f"{candidate.name} is wrong ({off:.1f} times what is tolerated)")
                continue
            taken = seconds(candidate)
        except Exception as failure:
            seen.append(f"{candidate.name} failed ({_said(failure)})")
            continue
        seen.append(f"{candidate.name} {_milliseconds(taken)}")
        if taken < best_seconds:
            best, best_seconds = candidate, taken
    return AttentionChoice(best, f"{best.name}; a step's attention: {', '.join(seen)}")


@torch.inference_mode()
def attention_error(
    attention: DecodeAttention, heads: int, positions: int, head: int, device: torch.device, dtype: torch.dtype
) -> float:
    """How far a way is from float32 on random numbers, as a share of what is tolerated; NaN when it answers such.

    Rows of every kind of length: none, one, around powers of two, all. What lies behind a row's end is not a number, so
    that who reads there is seen.
    """
    counts = sorted({0, 1, positions // 3, positions - 1, positions, *(min(positions, 64 * n + 1) for n in (1, 2, 8))})
    lengths = torch.tensor(counts, dtype=torch.int32, device=device)
    generator = torch.Generator().manual_seed(1)

    def random(*shape: int) -> Tensor:
        return torch.randn(len(counts), heads, *shape, generator=generator).to(device, dtype)

    queries, keys, values = random(1, head), random(positions, head), random(positions, head)
    worst = 0.0
    expected = torch.zeros(queries.shape, device=device)
    for row, count in enumerate(counts):
        if count:
            query, key, value = (part[row : row + 1, :, :count].float() for part in (queries, keys, values))
            expected[row] = functional.scaled_dot_product_attention(query, key, value)[0]
        keys[row, :, count:] = torch.nan
        values[row, :, count:] = torch.nan
    most = expected.abs().max().item()
    # Short songs take part in short steps too.
    for longest in sorted({positions, min(positions, 256)}):
        rows = sum(count <= longest for count in counts)
        answer = attention(lengths[:rows], longest)(queries[:rows], keys[:rows], values[:rows]).float()
        off = (answer - expected[:rows]).abs().max().item()
        # `max` would lose what is not a number.
        worst = off if not off <= worst else worst
    return worst / max(_LEAST_TOLERANCE, _TOLERATED_STEPS * torch.finfo(dtype).eps * most)


def _said(failure: Exception) -> str:
    """An exception in one short line."""
    return f"{type(failure).__name__}: {failure}".splitlines()[0][:200]


def _milliseconds(seconds: float) -> str:
    return f"{1e3 * seconds:.2f} ms"
