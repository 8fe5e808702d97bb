"""A whole MusicGen: text conditioner, decoder and codec, ready for the engine."""

from __future__ import annotations

from torch import nn

from services.generation.musicgen.codec import Codec
from services.generation.musicgen.configuration import MusicGenConfiguration
from services.generation.musicgen.decoder import Decoder
from services.generation.musicgen.delay_pattern import DelayPattern
from services.generation.musicgen.text_conditioner import HashTokenizer, TextConditioner, TextEncoder


class MusicGen(nn.Module):
    """The parts under the names that transformers' checkpoints use, with their weights as they were constructed."""

    def __init__(self, configuration: MusicGenConfiguration) -> None:
        super().__init__()
        self.configuration = configuration
        self.text_encoder = TextEncoder(configuration.text)
        self.enc_to_dec_proj = nn.Linear(configuration.text.hidden_size, configuration.decoder.hidden_size)
        self.decoder = Decoder(configuration.decoder)
        self.audio_encoder = Codec(configuration.codec, configuration.decoder.codebooks)
        self.pattern = DelayPattern.staircase(configuration.decoder.codebooks)

    def conditioner(self, tokenizer: HashTokenizer) -> TextConditioner:
        """The text conditioner with this model's weights."""
        return TextConditioner(self.configuration.text, tokenizer, self.text_encoder, self.enc_to_dec_proj)
