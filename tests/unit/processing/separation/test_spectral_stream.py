"""The streamed transform is torch's, whatever the length and the size of the segments."""

from __future__ import annotations

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from services.processing.separation.spectral_stream import Synthesis, analyse, frame_count

WINDOW, HOP = 256, 64


@settings(deadline=None, max_examples=40)
@given(st.integers(1, 3_000), st.integers(4, 40), st.integers(0, 2**31))
def test_streamed_analysis_and_synthesis_equal_torch(samples: int, per_segment: int, seed: int) -> None:
    torch.manual_seed(seed)
    window = torch.hann_window(WINDOW)
    sound = torch.randn(2, samples)
    frames = frame_count(samples, HOP)
    padded = torch.nn.functional.pad(sound, (WINDOW // 2, WINDOW // 2 + WINDOW))
    whole = torch.stft(sound, WINDOW, HOP, window=window, center=True, pad_mode="constant", return_complex=True)
    gain = torch.rand(whole.shape)

    synthesis, pieces, at = Synthesis(window, HOP), [], 0
    while at < frames:
        count = min(per_segment, frames - at)
        part = analyse(padded[:, at * HOP : (at + count - 1) * HOP + WINDOW], window, HOP)
        torch.testing.assert_close(part, whole[..., at : at + count])
        at += count
        pieces.append(synthesis.add(part * gain[..., at - count : at], last=at == frames))
    streamed = torch.cat(pieces, dim=-1)[..., :samples]

    expected = torch.istft(whole * gain, WINDOW, HOP, window=window, center=True, length=samples)
    torch.testing.assert_close(streamed, expected, atol=2e-5, rtol=1e-4)
