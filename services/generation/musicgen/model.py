"""A whole MusicGen: text conditioner, decoder and codec, ready for the engine."""

from __future__ import annotations

from torch import nn

from services.generation.musicgen.codec import Codec
from services.generation.musicgen.configuration import MusicGenConfiguration
from services.generation.musicgen.decoder import Decoder
from services.generation.musicgen.delay_pattern import DelayPattern
from services.generation.musicgen.text_conditioner import TextEncoder


class MusicGen(nn.Module):
    """The parts under the names that transformers' checkpoints use, with their weights as they were constructed."""

    def __init__(self, configuration: MusicGenConfiguration) -> None:
        super().__init__()
        self.configuration = configuration
        decoder = configuration.decoder
        self.text_encoder = TextEncoder(configuration.text)
        self.enc_to_dec_proj = nn.Linear(configuration.text.hidden_size, decoder.hidden_size)
        # Melody models only.
        self.audio_enc_to_dec_proj = (
            nn.Linear(configuration.chroma.bins, decoder.hidden_size) if configuration.chroma else None
        )
        self.decoder = Decoder(decoder)
        self.audio_encoder = Codec(configuration.codec, decoder.codebooks // decoder.channels)
        self.pattern = DelayPattern.interleaved(decoder.codebooks, decoder.channels)
