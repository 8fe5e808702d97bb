"""Which of the ways to compute a decoder on a processor is taken: the kernels where they fit, the graph elsewhere."""

from __future__ import annotations

from services.generation.musicgen.configuration import DecoderConfiguration
from services.generation.runtimes.decoder_weights import DecoderWeights
from services.generation.runtimes.machine import Machine
from services.generation.runtimes.precision import Precision
from services.generation.runtimes.row_caches import kernel_fits
from services.generation.runtimes.row_decoder import RowDecoder
from services.generation.runtimes.step_decoder import StepDecoder, steps_fit, why_not
from services.generation.runtimes.turns import Turns


def cpu_decoder(
    configuration: DecoderConfiguration,
    weights: DecoderWeights,
    precision: Precision,
    rows: int,
    threads: int = 0,
    turns: Turns | None = None,
) -> RowDecoder:
    """A decoder of `rows` rows on `threads` threads; 0: as many as there are cores."""
    threads = threads or Machine.probe().cores
    if steps_fit(configuration, precision):
        return StepDecoder(configuration, weights, precision, rows, threads, turns)
    # Here and not above: it is installed where its wheels exist.
    from services.generation.runtimes.paged_decoder import PagedDecoder

    return PagedDecoder(configuration, weights, precision, rows, threads, turns)


def way_of(configuration: DecoderConfiguration, precision: Precision) -> tuple[str, str]:
    """Which way `cpu_decoder` takes, in words for the log, and why."""
    against = why_not(configuration, precision)
    if not against:
        return "step kernel", "the processor has AVX-512 VNNI"
    if kernel_fits(configuration, precision):
        return "graph with the attention kernel", against
    return "graph", against
