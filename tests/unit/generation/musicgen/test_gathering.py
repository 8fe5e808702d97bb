"""Songs that are submitted at once: their prompts are read together, and each as if it were alone."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

from services.generation.models import debug
from services.generation.musicgen.conditioning import Conditioner
from services.generation.musicgen.configuration import TextConfiguration
from services.generation.musicgen.gathering import Gathering, least_rows
from services.generation.musicgen.text_conditioner import HashTokenizer, TextConditioner, TextEncoder

PROMPTS = ["piano", "slow strings over a long drone", "", "drums", "voices " * 60, "piano and bass", "bells", "a choir"]


class Held:
    """Work that begins with a first one, and goes on when seven more wait behind it."""

    def __init__(self, work: Callable[[Sequence[int]], Sequence[int]]) -> None:
        self.batches: list[list[int]] = []
        self._work = work
        self.begun, self.go_on = threading.Event(), threading.Event()

    def __call__(self, asked: Sequence[int]) -> Sequence[int]:
        self.batches.append(sorted(asked))
        self.begun.set()
        assert self.go_on.wait(20)
        return self._work(asked)

    def ask_eight(self) -> list[int | BaseException | None]:
        """What eight threads get, of which one comes first and the others while it is computed."""
        together = Gathering(self)
        with ThreadPoolExecutor(8) as pool:
            futures = [pool.submit(together, 0)]
            assert self.begun.wait(20)
            futures += [pool.submit(together, number) for number in range(1, 8)]
            while len(together._waiting) < 7:
                threading.Event().wait(0.001)
            self.go_on.set()
            return [future.exception(20) or future.result() for future in futures]


def test_who_comes_while_one_is_computed_is_computed_together() -> None:
    held = Held(lambda asked: [10 * number for number in asked])
    assert held.ask_eight() == [0, 10, 20, 30, 40, 50, 60, 70]
    assert held.batches == [[0], [1, 2, 3, 4, 5, 6, 7]]


def test_what_fails_in_company_fails_alone() -> None:
    def work(asked: Sequence[int]) -> Sequence[int]:
        if 3 in asked:
            raise ValueError("not this one")
        return asked

    answers = Held(work).ask_eight()
    assert [number for number in range(8) if number != 3] == [number for number in answers if isinstance(number, int)]
    assert isinstance(answers[3], ValueError)


def worst_in_company(encoder: TextEncoder, texts: Sequence[torch.Tensor]) -> float:
    """How far states of texts that are read together are from those of each alone."""
    with torch.inference_mode():
        together = encoder(texts).split([len(ids) for ids in texts])
        return max((states - encoder([ids])).abs().max().item() for states, ids in zip(together, texts, strict=True))


def test_prompts_are_read_in_any_company_as_alone() -> None:
    model = debug.build()
    tokenizer = HashTokenizer(model.configuration.text.vocabulary)
    assert worst_in_company(model.text_encoder, [torch.tensor(tokenizer.encode(prompt)) for prompt in PROMPTS]) <= 1e-5
    states = [torch.randn(length, model.configuration.decoder.hidden_size) for length in (3, 1, 40)]
    for alone, together in zip(states, model.decoder.cross_memories(states), strict=True):
        memory = model.decoder.cross_memory(alone)
        assert (memory.keys - together.keys).abs().max() <= 1e-5
        assert (memory.values - together.values).abs().max() <= 1e-5
        # Nobody's memory holds everybody's.
        assert together.keys.untyped_storage().nbytes() == memory.keys.untyped_storage().nbytes()


def test_short_prompt_is_read_among_as_many_rows_as_sum_alike() -> None:
    model = debug.build()
    conditioner = Conditioner(model, HashTokenizer(model.configuration.text.vocabulary))
    rows: list[int] = []
    for module in (model.enc_to_dec_proj, model.decoder.model.decoder.layers[0].encoder_attn.k_proj):
        module.register_forward_pre_hook(lambda _, given: rows.append(given[0].shape[-2]))
    memory, _ = conditioner.conditions(["piano"])[0].memories
    assert memory is not None
    assert memory.keys.shape[2] == 2
    assert rows == [least_rows()] * 2


@pytest.mark.slow
def test_prompts_are_read_in_any_company_as_alone_at_real_dimensions() -> None:
    torch.manual_seed(1)
    text = TextConfiguration(32_128, 768, 64, 12, 3_072, 12)
    encoder = TextEncoder(text).eval()
    conditioner = TextConditioner(text, HashTokenizer(text.vocabulary), encoder, torch.nn.Linear(768, 1_024))
    prompts = [HashTokenizer(text.vocabulary).encode(prompt) for prompt in PROMPTS]
    together = conditioner._together._work(prompts)
    off = [
        (conditioner._together._work([prompt])[0] - states).abs().max().item()
        for prompt, states in zip(prompts, together, strict=True)
    ]
    print(f"\nworst difference in company: {max(off):.1e}")
    assert max(off) <= 1e-5


def test_conditions_of_songs_at_once_are_those_of_each_alone() -> None:
    model = debug.build()
    conditioner = Conditioner(model, HashTokenizer(model.configuration.text.vocabulary))
    alone = [conditioner.conditions([prompt], "noise")[0] for prompt in PROMPTS]
    with ThreadPoolExecutor(8) as pool:
        at_once = list(pool.map(lambda prompt: conditioner.conditions([prompt], "noise")[0], PROMPTS))
    for one, other in zip(alone, at_once, strict=True):
        for mine, theirs in zip(one.memories, other.memories, strict=True):
            assert mine is not None
            assert theirs is not None
            assert (mine.keys - theirs.keys).abs().max() <= 1e-5
            assert (mine.values - theirs.values).abs().max() <= 1e-5
