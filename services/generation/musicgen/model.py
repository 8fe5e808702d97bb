"""A whole MusicGen: text conditioner, decoder and codec, ready for the engine."""

from __future__ import annotations

from torch import nn

from services.generation.musicgen.codec import Codec
from services.generation.musicgen.configuration import MusicGenConfiguration
from services.generation.musicgen.decoder import Decoder
from services.generation.musicgen.delay_pattern import DelayPattern
from services.generation.musicgen.mert import Mert
from services.generation.musicgen.style import StyleConditioner
from services.generation.musicgen.text_conditioner import TextEncoder


class MusicGen(nn.Module):
    """The parts under the names that transformers' checkpoints use, with their weights as they were constructed.

    transformers knows no style models: the names of their two parts are ours, and those inside the encoder HuBERT's.
    """

    def __init__(self, configuration: MusicGenConfiguration) -> None:
        super().__init__()
        self.configuration = configuration
        decoder = configuration.decoder
        self.text_encoder = TextEncoder(configuration.text)
        self.enc_to_dec_proj = nn.Linear(configuration.text.hidden_size, decoder.hidden_size)
        chroma, style = configuration.chroma, configuration.style
        heard = chroma.bins if chroma else style.hidden_size if style else 0
        # Melody and style models only.
        self.audio_enc_to_dec_proj = nn.Linear(heard, decoder.hidden_size) if heard else None
        self.style_encoder = Mert(style.encoder) if style else None
        self.style_conditioner = StyleConditioner(style) if style else None
        self.decoder = Decoder(decoder)
        self.audio_encoder = Codec(configuration.codec, decoder.codebooks // decoder.channels)
        self.pattern = DelayPattern.interleaved(decoder.codebooks, decoder.channels)
