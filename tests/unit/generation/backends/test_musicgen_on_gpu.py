"""Models on a GPU that is not here: what is planned for it, and who is let go when its memory is short."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from services.generation.backends.musicgen import MusicGenBackend
from services.generation.backends.protocol import BackendEnvironment
from services.generation.engine.runtime import Runtime, torch_runtime
from services.generation.models.checkpoint import open_checkpoint
from services.generation.models.installation import device_bytes, least_bytes, memory_bytes
from services.generation.musicgen.model import MusicGen
from services.generation.runtimes.machine import Gpu, Machine
from services.generation.runtimes.plan import Wish, plan_runtime

GIB = 2**30
MODELS = ("mono", "stereo", "melody")


def machine(gpu_bytes: int) -> Machine:
    return Machine(2, 64 * GIB, Gpu("imaginary", gpu_bytes, bfloat16=True), openvino=True, bfloat16=False)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Wish]]:
    """What the selection was asked for; the reference stands in for the GPU's runtime."""
    wishes: list[Wish] = []

    def select(model: MusicGen, wish: Wish, *, cache: Path) -> Runtime:
        wishes.append(wish)
        return torch_runtime(model, 1, 1)

    monkeypatch.setattr("services.generation.runtimes.selection.select_runtime", select)
    return wishes


def test_models_share_the_memory_of_a_gpu_and_the_least_recently_used_one_leaves(
    folder: Callable[[str], Path], tmp_path: Path, asked: list[Wish], monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes = {}
    for kind in MODELS:
        (tmp_path / kind).symlink_to(folder(kind))
        checkpoint = open_checkpoint(folder(kind))
        plan = plan_runtime(checkpoint.configuration.decoder, machine(80 * GIB), Wish(most=2))
        sizes[kind] = device_bytes(checkpoint, plan)
        assert sizes[kind] > GIB
    # Room for two of them: nine tenths of it are theirs.
    room = int((max(sizes.values()) + sorted(sizes.values())[1]) / 0.9) + 2**20
    monkeypatch.setattr(Machine, "probe", classmethod(lambda _: machine(room)))
    backend = MusicGenBackend(BackendEnvironment(tmp_path, tmp_path, slots=2))
    for kind in ("mono", "stereo", "mono", "melody"):
        backend.load(f"musicgen-{kind}")
    assert backend.resident_models == ("musicgen-mono", "musicgen-melody")
    assert [wish.most for wish in asked] == [2, 2, 2]
    backend.close()


def test_models_that_run_on_the_processor_take_nothing_of_a_gpu(folder: Callable[[str], Path]) -> None:
    checkpoint = open_checkpoint(folder("mono"))
    plan = plan_runtime(checkpoint.configuration.decoder, machine(80 * GIB), Wish(device="cpu"))
    assert device_bytes(checkpoint, plan) == 0


def test_a_model_takes_no_more_than_planned_of_the_machine(folder: Callable[[str], Path]) -> None:
    checkpoint = open_checkpoint(folder("mono"))
    decoder = checkpoint.configuration.decoder
    on_gpu, on_torch, as_bytes = (
        least_bytes(checkpoint, plan_runtime(decoder, machine(80 * GIB), wish))
        for wish in (Wish(), Wish(device="cpu"), Wish(device="cpu", weights="int8"))
    )
    # On a GPU only what conditions songs and encodes audio stays here; as bytes, a quarter and less of the decoder.
    assert 0 < on_gpu < as_bytes < on_torch <= memory_bytes(checkpoint, 1)
