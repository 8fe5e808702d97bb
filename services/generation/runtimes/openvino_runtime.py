"""A model on OpenVINO and the kernels beside it: runner, codec, and the torch decoder's weights let go."""

from __future__ import annotations

from pathlib import Path

import structlog
import torch

from services.generation.engine.runtime import Runtime
from services.generation.musicgen.decoder import Decoder
from services.generation.musicgen.model import MusicGen
from services.generation.runtimes.cpu_decoder import cpu_decoder, way_of
from services.generation.runtimes.decoder_weights import decoder_weights
from services.generation.runtimes.openvino_codec import OpenVinoCodec
from services.generation.runtimes.openvino_runner import OpenVinoRunner
from services.generation.runtimes.plan import OPENVINO
from services.generation.runtimes.precision import Precision
from services.generation.runtimes.turns import Turns

# A song's rows of so many positions cost about as much as a step of sixteen songs: nobody's buffer runs dry meanwhile.
_PREFILL_CHUNK = 16
# What the conditioner still runs in torch, once for a song.
_KEPT = ("encoder_attn.k_proj", "encoder_attn.v_proj")

_log = structlog.get_logger(__name__)


def openvino_runtime(
    model: MusicGen,
    precision: Precision,
    slots: int,
    threads: int,
    *,
    half_codec: bool,
    cache: Path | None = None,
    keep_torch: bool = False,
) -> Runtime:
    """Runner and codec on `threads` threads. The codec computes in bfloat16 with `half_codec`.

    The torch decoder is emptied, since two copies of a large model do not fit: it runs no more steps, only
    `cross_memory`. `keep_torch` leaves it whole.
    """
    configuration = model.configuration
    weights = decoder_weights(model.decoder, precision.weights, cache)
    turns = Turns()
    guidance_rows = configuration.decoder.guidance_rows
    decoder = cpu_decoder(configuration.decoder, weights, precision, guidance_rows * slots, threads, turns)
    way, reason = way_of(configuration.decoder, precision)
    _log.info("decoder_selected", decoder=way, reason=reason)
    codec = OpenVinoCodec(
        model.audio_encoder, configuration.decoder.channels, half=half_codec, threads=threads, turns=turns
    )
    # The edges of streams, conditioning and sampling are torch's: they may use the cores that the graphs use.
    torch.set_num_threads(threads)

    def close() -> None:
        decoder.close()
        codec.close()

    if not keep_torch:
        release_dense_weights(model.decoder)
    return Runtime(
        runner=OpenVinoRunner(decoder, guidance_rows),
        codec=codec,
        slots=slots,
        name=OPENVINO,
        precision=str(precision),
        prefill_chunk=_PREFILL_CHUNK,
        close=close,
    )


def release_dense_weights(decoder: Decoder) -> None:
    """Free the torch decoder's weights that a runtime has taken over. It cannot run steps afterwards."""
    for name, parameter in decoder.named_parameters():
        if not any(part in name for part in _KEPT):
            parameter.data = torch.empty(0)
