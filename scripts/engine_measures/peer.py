"""transformers, measured in the same way on the same weights."""

from __future__ import annotations

from typing import Any

import torch

from engine_measures.costs import Cost, integrate, timed
from engine_measures.setting import FRAME_RATE, PROMPT_TOKENS, SMALL
from engine_measures.table import Result
from services.generation.musicgen.model import MusicGen


class Peer:
    """transformers' MusicGen in float32."""

    def __init__(self) -> None:
        import transformers

        transformers.logging.set_verbosity_error()
        torch.manual_seed(1)
        text, decoder, codec = SMALL.text, SMALL.decoder, SMALL.codec
        configuration = transformers.MusicgenConfig(
            text_encoder=transformers.T5Config(
                vocab_size=text.vocabulary, d_model=text.hidden_size, d_kv=text.head_size, d_ff=text.feed_forward_size,
                num_layers=text.layers, num_heads=text.heads,
            ),
            audio_encoder=transformers.EncodecConfig(
                sampling_rate=32_000, audio_channels=1, num_filters=codec.filters, hidden_size=codec.hidden_size,
                codebook_dim=codec.hidden_size, codebook_size=codec.codebook_size, upsampling_ratios=list(codec.ratios),
                use_causal_conv=False, use_conv_shortcut=False, target_bandwidths=[2.2], normalize=False,
            ),
            decoder=transformers.MusicgenDecoderConfig(
                vocab_size=decoder.vocabulary, hidden_size=decoder.hidden_size, num_hidden_layers=decoder.layers,
                num_attention_heads=decoder.heads, ffn_dim=decoder.feed_forward_size, num_codebooks=4,
            ),
        )  # fmt: skip
        self.model: Any = transformers.MusicgenForConditionalGeneration(configuration).eval()
        self.model.decoder.load_state_dict(MusicGen(SMALL).decoder.state_dict(), strict=False)
        self.model.generation_config.decoder_start_token_id = 2_048
        self.model.generation_config.pad_token_id = 2_048
        self.model.generation_config.bos_token_id = 2_048
        self._cache = (transformers.DynamicCache, transformers.EncoderDecoderCache)

    @torch.inference_mode()
    def generate(self, songs: int, frames: int) -> None:
        """As its users call it."""
        ids = torch.randint(3, 32_000, (songs, PROMPT_TOKENS))
        self.model.generate(
            input_ids=ids, attention_mask=torch.ones_like(ids), do_sample=True, top_k=250, guidance_scale=3.0,
            max_new_tokens=frames + 3,
        )  # fmt: skip

    @torch.inference_mode()
    def window(self, songs: int, position: int, steps: int) -> Cost:
        """One forward pass of the decoder over a cache that is `position` long (and grows by a few)."""
        dynamic, paired = self._cache
        rows, decoder = 2 * songs, SMALL.decoder
        memory = paired(dynamic(), dynamic())
        states = torch.randn(rows, PROMPT_TOKENS, decoder.hidden_size)
        tokens = torch.randint(2_048, (rows * 4, 1))

        def step() -> None:
            self.model.decoder(
                input_ids=tokens, encoder_hidden_states=states, past_key_values=memory, use_cache=True,
                encoder_attention_mask=torch.ones(rows, PROMPT_TOKENS),
            )  # fmt: skip

        if position:
            shape = (rows, decoder.heads, position, decoder.head_size)
            for layer in range(decoder.layers):
                memory.self_attention_cache.update(torch.randn(shape), torch.randn(shape), layer)
        return timed(step, steps)

    @torch.inference_mode()
    def codec(self, songs: int, seconds: float) -> Cost:
        """A part of the songs' length through the codec, scaled up."""
        part = min(seconds, 5.0)
        codes = torch.randint(2_048, (1, songs, 4, round(part * FRAME_RATE)))
        work = timed(lambda: self.model.audio_encoder.decode(codes, [None] * songs), 1, 1)
        return work.times(seconds / part)

    def quick(self, songs: int, seconds: float, steps: int) -> Result:
        """From windows, with what `generate` adds to a forward pass (measured over its first steps)."""
        frames = round(seconds * FRAME_RATE)
        places = sorted({0, frames // 4, frames // 2, 3 * frames // 4, frames - 1})
        windows = [(place, self.window(songs, place, steps)) for place in places]
        forward = integrate(windows, frames + 3)
        codec = self.codec(songs, seconds)
        early = 12
        begun = timed(lambda: self.generate(songs, early), 1, 1)
        overhead = begun.wall / (early + 3) - windows[0][1].wall
        # What generate does once (prompt, codec) is in it too, so it is bounded by what a loop can cost.
        extra = Cost(min(max(0.0, overhead), 0.005 * songs), min(max(0.0, overhead), 0.005 * songs)).times(frames + 3)
        path = " ".join(f"{1e3 * cost.wall:.0f}" for _, cost in windows)
        note = f"ms a forward pass along the song {path}; codec {codec.wall / (forward.wall + codec.wall):.0%}"
        return Result(
            "transformers float32", songs, seconds, forward + codec + extra, forward.times(1 / (frames + 3)), note
        )

    def whole(self, songs: int, seconds: float) -> Result:
        """Whole songs."""
        frames = round(seconds * FRAME_RATE)
        self.generate(songs, 4)
        cost = timed(lambda: self.generate(songs, frames), 1, 0)
        return Result("transformers float32", songs, seconds, cost, cost.times(1 / (frames + 3)), "")
