"""Models that leave: nothing of them stays behind, in memory, in threads or on a device."""

from __future__ import annotations

import dataclasses
import gc
import threading
import weakref
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
import torch

from services.generation.backends.musicgen import DEBUG, MusicGenBackend
from services.generation.backends.protocol import BackendEnvironment, GenerationRequest
from services.generation.engine.runtime import Runtime, torch_runtime
from services.generation.models import debug
from services.generation.models.residents import Plan, Residents
from services.generation.musicgen.model import MusicGen
from services.generation.musicgen.song import InstalledModel, SongMaker
from services.generation.musicgen.text_conditioner import HashTokenizer
from services.generation.runtimes.cuda_runtime import cuda_runtime
from services.generation.runtimes.machine import Machine
from services.generation.runtimes.plan import Wish
from services.generation.runtimes.precision import CachePrecision, Precision, WeightPrecision
from services.generation.runtimes.selection import select_runtime
from services.generation.runtimes.slot_decoder import SlotDecoder
from services.generation.runtimes.step_decoder import StepDecoder
from tests.unit.generation.musicgen.test_song import Stage
from tests.unit.generation.runtimes.conftest import build

FLOAT32 = Precision(WeightPrecision.FLOAT32, CachePrecision.FLOAT32)
MACHINE = Machine(cores=1, memory_bytes=2**34, gpu=None, openvino=True, bfloat16=False)


def tensor_bytes() -> int:
    """Bytes of all tensors that anybody in this process can still reach."""
    gc.collect()
    storages = {}
    for found in gc.get_objects():
        if issubclass(type(found), torch.Tensor) and found.device.type == "cpu" and found.layout is torch.strided:
            storage = found.untyped_storage()
            storages[storage.data_ptr()] = storage.nbytes()
    return sum(storages.values())


def engines() -> int:
    """Threads of engines in this process."""
    return sum(thread.name == "engine" for thread in threading.enumerate())


@pytest.mark.slow
async def test_models_that_make_room_leave_nothing_behind(
    folder: Callable[[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for kind in ("mono", "stereo", "melody"):
        (tmp_path / kind).symlink_to(folder(kind))
    left: dict[str, list[weakref.ref[object]]] = {}
    others = engines()

    def select(model: MusicGen, wish: Wish, *, cache: Path) -> Runtime:
        runtime = torch_runtime(model, 2, 1)
        name = "stereo" if model.configuration.channels == 2 else "melody" if model.configuration.chroma else "mono"
        left[name] = [weakref.ref(part) for part in (model, model.decoder, runtime.runner, runtime.codec)]
        return runtime

    monkeypatch.setattr("services.generation.runtimes.selection.select_runtime", select)
    # A third one is one too many.
    monkeypatch.setattr("services.generation.models.installation.memory_bytes", lambda *_: 1)
    monkeypatch.setattr("services.generation.backends.musicgen._capacity_bytes", lambda: 2)
    backend = MusicGenBackend(BackendEnvironment(tmp_path, tmp_path))

    def alive() -> dict[str, int]:
        gc.collect()
        return {name: sum(part() is not None for part in parts) for name, parts in left.items()}

    for name in ("mono", "stereo"):
        request = GenerationRequest("warm piano", 1.0, f"musicgen-{name}", 1)
        await backend.generate(request, Stage(tmp_path / "scratch" / name))
    assert alive() == {"mono": 4, "stereo": 4}
    assert engines() == others + 2
    backend.load("musicgen-melody")
    assert alive() == {"mono": 0, "stereo": 4, "melody": 4}
    assert engines() == others + 2
    # One that comes back is made anew, and its songs are what they were.
    again = Stage(tmp_path / "again")
    await backend.generate(GenerationRequest("warm piano", 1.0, "musicgen-mono", 1), again)
    assert len(again.frames()) == 50
    assert alive() == {"mono": 4, "stereo": 0, "melody": 4}
    backend.close()
    assert alive() == {"mono": 0, "stereo": 0, "melody": 0}
    assert engines() == others


@pytest.mark.parametrize("cache", ["float16", "int8"])
def test_openvino_model_that_leaves_takes_its_weights_graphs_and_caches_along(cache: str, tmp_path: Path) -> None:
    model = build()
    runtime = select_runtime(model, Wish(weights="int8", slots=2, threads=2, cache=cache), machine=MACHINE)
    assert runtime.precision == f"int8/{cache}"
    decoder = runtime.runner._decoder  # type: ignore[attr-defined]
    held = [weakref.ref(array) for array in decoder._caches.held]
    weights = decoder._weights.bytes if isinstance(decoder, StepDecoder) else decoder._graph._compiled
    graphs = [weakref.ref(part) for part in (weights, runtime.codec._graph._compiled)]  # type: ignore[attr-defined]
    del weights
    maker = SongMaker(InstalledModel(DEBUG, model, HashTokenizer(64)), runtime)
    maker.make(GenerationRequest("warm piano", 1.0, "musicgen-debug", 1), Stage(tmp_path))
    assert all(one() is not None for one in (*held, *graphs))
    maker.close()
    maker.close()
    gc.collect()
    # Though the maker and its runtime are still held here.
    assert [one() for one in (*held, *graphs)] == [None] * (len(held) + 2)


@pytest.mark.slow
def test_memory_of_the_process_does_not_grow_with_models_that_come_and_go() -> None:
    configuration = dataclasses.replace(
        debug.CONFIGURATION,
        decoder=dataclasses.replace(
            debug.CONFIGURATION.decoder, hidden_size=512, heads=8, feed_forward_size=2_048, layers=4, max_positions=64
        ),
        window_seconds=1.0,
        stride_seconds=0.6,
    )

    def plan() -> Plan[SongMaker]:
        model = MusicGen(configuration).eval()
        installed = InstalledModel(DEBUG, model, HashTokenizer(configuration.text.vocabulary))
        return Plan(1, lambda: SongMaker(installed, torch_runtime(model, 1, 1)))

    size = 4 * sum(parameter.numel() for parameter in MusicGen(configuration).parameters())
    before = tensor_bytes()
    residents: Residents[SongMaker] = Residents(1)
    grown, resident = [], []
    for turn in range(7):
        residents.take(str(turn), plan)
        residents.give_back(str(turn))
        grown.append(tensor_bytes() - before)
        resident.append(psutil.Process().memory_info().rss)
    residents.close()
    print(f"\na model of {size / 2**20:.0f} MiB, seven times: {[round(rss / 2**20) for rss in resident]} MiB resident")
    assert size > 40 * 2**20
    # There is one model at any time, with its caches, and after the last nothing.
    assert min(grown) >= size
    assert max(grown) - min(grown) <= 2**20
    assert tensor_bytes() - before <= 2**20
    # What the allocator keeps for later varies; five models that stayed would be seen.
    assert resident[-1] - resident[1] < 3 * size


def test_gpus_memory_is_given_back_after_everything_on_it_is_let_go(
    model: MusicGen, monkeypatch: pytest.MonkeyPatch
) -> None:
    runtime = cuda_runtime(model, FLOAT32, 2, torch.device("cpu"))
    decoder = runtime.runner._decoder  # type: ignore[attr-defined]
    assert isinstance(decoder, SlotDecoder)
    held = [decoder._keys, decoder._values, decoder._cross_keys, decoder._tables, decoder._heads]
    held += [layer.qkv for layer in decoder._layers]
    held += list(runtime.codec._codec._codec.parameters())  # type: ignore[attr-defined]
    references = [weakref.ref(tensor) for tensor in held]
    del held
    # There is no GPU: what would be asked of one is watched, at the moment at which it is asked.
    alive: list[int] = []
    monkeypatch.setattr(torch.cuda, "empty_cache", lambda: alive.append(sum(one() is not None for one in references)))
    decoder._device = torch.device("cuda")
    runtime.close()
    assert alive == [0]
    with pytest.raises(RuntimeError, match="closed"):
        runtime.codec.initial_state()


@pytest.fixture
def model() -> MusicGen:
    return build()
