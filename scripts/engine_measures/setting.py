"""What is measured: musicgen-small's dimensions, and the prompt of every song."""

from __future__ import annotations

from services.generation.musicgen.configuration import (
    CodecConfiguration,
    DecoderConfiguration,
    MusicGenConfiguration,
    TextConfiguration,
)

FRAME_RATE = 50
PROMPT = "warm lo-fi hip hop with dusty piano and soft drums on a rainy evening"
PROMPT_TOKENS = 16
SMALL = MusicGenConfiguration(
    text=TextConfiguration(32_128, 768, 64, 12, 3_072, 12),
    decoder=DecoderConfiguration(4, 2_048, 1_024, 16, 4_096, 24, max_positions=1_504),
    codec=CodecConfiguration(32_000, 1, 2_048, 128, 64, (8, 5, 4, 4)),
)
