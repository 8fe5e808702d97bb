"""Schroeder's all-pass over a ring of frames: it smears a sound in time and leaves its spectrum alone."""

from __future__ import annotations

from services.shared.kernels import kernel


@kernel
def _run(signal, line, gain):  # type: ignore[no-untyped-def]
    """Frames that lie one after the other in the ring; none of them depends on another, so they go in parallel."""
    for i in range(signal.shape[0]):
        stored = line[i]
        entering = signal[i] - gain * stored
        line[i] = entering
        signal[i] = stored + gain * entering


@kernel
def diffuse(signal, line, gain, cursor):  # type: ignore[no-untyped-def]
    """Pass `signal [n]` through a delay of `len(line)` frames in place; answers the ring's next cursor."""
    frames, length = signal.shape[0], line.shape[0]
    done = 0
    while done < frames:
        count = min(frames - done, length - cursor)
        _run(signal[done : done + count], line[cursor : cursor + count], gain)
        done += count
        cursor += count
        if cursor == length:
            cursor = 0
    return cursor
