"""Demucs piece by piece is demucs-infer's own `apply_model`; checkpoints are read by its real loader."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from demucs_infer.apply import BagOfModels, apply_model
from demucs_infer.htdemucs import HTDemucs
from safetensors.torch import save_file

from services.processing.jobs.kind import Equipment
from services.processing.separation.catalogue import SEPARATORS
from services.processing.separation.demucs import Bag, Demucs, find_bag, load_bag
from services.processing.separation.hub import source_of, sources_path
from services.processing.separation.loading import load_separator
from services.processing.separation.separator import Separator
from services.shared.assets import store
from services.shared.errors import AppError, ErrorCode
from tests.support import model_hub
from tests.support.file_server import FileServer, serving_files

FOUR = ["drums", "bass", "other", "vocals"]
# A real architecture, narrow: the whole path in milliseconds.
SMALL = {"channels": 8, "t_layers": 1, "t_heads": 2, "bottom_channels": 16, "depth": 4}
SEGMENT = Fraction(13, 10)


class ArrayMix:
    """A mix in memory, handed out in blocks of an awkward size."""

    def __init__(self, samples: np.ndarray) -> None:
        self._samples = samples
        self.frames = len(samples)

    def blocks(self, check: Callable[[], None]) -> Iterator[np.ndarray]:
        for start in range(0, self.frames, 30_011):
            check()
            yield self._samples[start : start + 30_011]


def network(seed: int, sources: list[str] = FOUR) -> HTDemucs:
    torch.manual_seed(seed)
    return HTDemucs(sources=sources, segment=SEGMENT, **SMALL).eval()


def sound(seconds: float, seed: int = 0) -> np.ndarray:
    noise = np.random.default_rng(seed)
    count = int(44_100 * seconds)
    shape = np.sin(np.arange(count) / 7_000)[:, None]
    return (noise.standard_normal((count, 2)) * 0.2 * shape + 0.01).astype(np.float32)


def separated(demucs: Demucs, mix: np.ndarray) -> np.ndarray:
    return np.concatenate(list(demucs.separate(ArrayMix(mix), lambda: None)), axis=1)


def reference(model: HTDemucs | BagOfModels, mix: np.ndarray) -> np.ndarray:
    """demucs' own separation, normalised as its `Separator` does it."""
    tensor = torch.from_numpy(mix.T.copy())[None]
    mono = tensor.mean(dim=1)
    mean, deviation = mono.mean(), mono.std() + 1e-8
    with torch.no_grad():
        made = apply_model(model, (tensor - mean) / deviation, shifts=0, split=True, overlap=0.25)[0]
    return (made * deviation + mean).numpy().transpose(0, 2, 1)


@pytest.mark.parametrize("seconds", [0.2, 1.3, 2.0, 3.1])
def test_streamed_demucs_equals_apply_model(seconds: float) -> None:
    model, mix = network(1), sound(seconds)
    made = separated(Demucs(Bag((model,), ((1.0,) * 4,)), "random"), mix)
    assert made.shape == (4, len(mix), 2)
    assert np.abs(made - reference(model, mix)).max() < 1e-4 * max(1.0, np.abs(made).max())


def test_streamed_bag_equals_apply_model_on_the_bag() -> None:
    models, mix = [network(2), network(3)], sound(2.2)
    weights = [[1.0, 0.0, 0.5, 1.0], [0.0, 1.0, 0.5, 3.0]]
    made = separated(Demucs(Bag(tuple(models), tuple(map(tuple, weights))), "random"), mix)
    assert np.abs(made - reference(BagOfModels(models, weights), mix)).max() < 1e-4


class StopNowError(Exception):
    pass


class Begun:
    """Counts the modules of a network that begin, and asks for the end within one of them."""

    def __init__(self, model: torch.nn.Module) -> None:
        self.modules, self.stop_in = 0, -1
        for module in model.modules():
            module.register_forward_pre_hook(self._begin)

    def _begin(self, _module: object, _given: object) -> None:
        self.modules += 1

    def check(self) -> None:
        if self.modules == self.stop_in:
            raise StopNowError


def test_cancel_stops_the_network_before_its_next_module() -> None:
    model, mix = network(1), sound(2.0)
    begun = Begun(model)
    demucs = Demucs(Bag((model,), ((1.0,) * 4,)), "random")
    wanted = separated(demucs, mix)
    all_of_them = begun.modules
    # Several segments; within each many places at which it can be stopped.
    assert all_of_them > 2 * 100
    for share in (0.0, 0.3, 0.6, 1.0):
        begun.modules, begun.stop_in = 0, round(share * (all_of_them - 1)) + 1
        with pytest.raises(StopNowError):
            for _ in demucs.separate(ArrayMix(mix), begun.check):
                pass
        assert begun.modules == begun.stop_in
    # Nothing of the songs that were given up is left in the network.
    begun.stop_in = -1
    assert np.array_equal(separated(demucs, mix), wanted)


def test_cancel_is_seen_while_the_song_is_read() -> None:
    def check() -> None:
        raise StopNowError

    model = network(1)
    begun = Begun(model)
    with pytest.raises(StopNowError):
        next(Demucs(Bag((model,), ((1.0,) * 4,)), "random").separate(ArrayMix(sound(1.0)), check))
    assert begun.modules == 0


def save(path: Path, model: HTDemucs, **changes: str) -> None:
    kwargs = {"sources": model.sources, "segment": {"_type": "fraction", "numerator": 13, "denominator": 10}, **SMALL}
    metadata = {"klass": "demucs.htdemucs.HTDemucs", "args": "[]", "kwargs": json.dumps(kwargs), **changes}
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file({name: value.contiguous() for name, value in model.state_dict().items()}, path, metadata)


@pytest.fixture(autouse=True)
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[FileServer]:
    """Nothing is published unless a test does it, and nobody asks the real one."""
    with serving_files() as server:
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        monkeypatch.delenv("HF_TOKEN", raising=False)
        yield server


def _equipment(tmp_path: Path) -> Equipment:
    return Equipment(assets_dir=tmp_path / "assets", models_dir=tmp_path / "models", device="cpu")


@pytest.mark.parametrize("layout", ["single.file", "published.folder"])
def test_checkpoint_of_an_operator_is_found_and_separates_alike(tmp_path: Path, layout: str) -> None:
    home, model = tmp_path / "models" / "separation", network(4)
    if layout == "single.file":
        save(home / "htdemucs.safetensors", model)
    else:
        save(home / "htdemucs" / "955717e8.safetensors", model)
        (home / "htdemucs" / "htdemucs.yaml").write_text(yaml.safe_dump({"models": ["955717e8"]}))
    demucs = load_separator("htdemucs", None, _equipment(tmp_path), lambda: None, lambda _: None)
    mix = sound(1.5)
    made = np.concatenate(list(demucs.separate(ArrayMix(mix), lambda: None)), axis=1)
    assert np.abs(made - reference(model, mix)).max() < 1e-4
    assert len(demucs.revision) == 12


def test_fine_tuned_bag_takes_each_stem_from_its_own_network(tmp_path: Path) -> None:
    home, models = tmp_path / "models" / "separation" / "htdemucs_ft", [network(seed) for seed in range(5, 9)]
    for index, model in enumerate(models):
        save(home / f"sig{index}.safetensors", model)
    one_each = [[float(i == j) for j in range(4)] for i in range(4)]
    recipe = {"models": [f"sig{i}" for i in range(4)], "weights": one_each}
    (home / "htdemucs_ft.yaml").write_text(yaml.safe_dump(recipe))
    demucs = load_separator("htdemucs_ft", None, _equipment(tmp_path), lambda: None, lambda _: None)
    mix = sound(1.0)
    made = np.concatenate(list(demucs.separate(ArrayMix(mix), lambda: None)), axis=1)
    for stem, model in enumerate(models):
        assert np.abs(made[stem] - reference(model, mix)[stem]).max() < 1e-4


@pytest.fixture
def catalogue(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[dict[str, Path]], None]:
    """Enter local checkpoints into a catalogue of the test's own, by asset name, in the order given."""

    def enter(files: dict[str, Path]) -> None:
        entries = {
            name: {
                "title": name,
                "source": f"file:{path}",
                "file": path.name,
                "size_bytes": path.stat().st_size,
                "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
                "licence": {"name": "MIT", "commercial_use": True},
            }
            for name, path in files.items()
        }
        document = tmp_path / "assets.yaml"
        document.write_text(yaml.safe_dump({"assets": entries}, sort_keys=False))
        monkeypatch.setattr(store, "default_catalogue_path", lambda: document)

    return enter


def test_checkpoint_of_the_catalogue_is_fetched_and_separates(
    tmp_path: Path, catalogue: Callable[[dict[str, Path]], None]
) -> None:
    model, told = network(10), []
    save(tmp_path / "there" / "one.safetensors", model)
    catalogue({"separator.htdemucs": tmp_path / "there" / "one.safetensors"})
    demucs = load_separator("htdemucs", None, _equipment(tmp_path), lambda: None, told.append)
    mix = sound(1.0)
    assert np.abs(separated(demucs, mix) - reference(model, mix)).max() < 1e-4
    assert (tmp_path / "assets" / "separator.htdemucs" / "one.safetensors").is_file()
    assert told[-1] == 1.0


def test_bag_of_the_catalogue_takes_each_stem_from_the_network_of_its_number(
    tmp_path: Path, catalogue: Callable[[dict[str, Path]], None]
) -> None:
    models = [network(seed) for seed in range(11, 15)]
    for index, model in enumerate(models):
        save(tmp_path / "there" / f"{index}.safetensors", model)
    catalogue({f"separator.htdemucs_ft.{i}": tmp_path / "there" / f"{i}.safetensors" for i in (2, 0, 3, 1)})
    demucs = load_separator("htdemucs_ft", None, _equipment(tmp_path), lambda: None, lambda _: None)
    mix = sound(0.4)
    made = separated(demucs, mix)
    for stem, model in enumerate(models):
        assert np.abs(made[stem] - reference(model, mix)[stem]).max() < 1e-4


def test_bag_of_the_catalogue_that_lacks_a_network_is_refused(
    tmp_path: Path, catalogue: Callable[[dict[str, Path]], None]
) -> None:
    for index in range(3):
        save(tmp_path / "there" / f"{index}.safetensors", network(index))
    catalogue({f"separator.htdemucs_ft.{i}": tmp_path / "there" / f"{i}.safetensors" for i in range(3)})
    with pytest.raises(AppError, match="weights do not fit its networks"):
        load_separator("htdemucs_ft", None, _equipment(tmp_path), lambda: None, lambda _: None)


def test_missing_checkpoint_says_what_to_put_where(tmp_path: Path) -> None:
    with pytest.raises(AppError) as caught:
        load_separator("htdemucs", None, _equipment(tmp_path), lambda: None, lambda _: None)
    assert caught.value.code is ErrorCode.MODEL_NOT_INSTALLED
    assert "could not be fetched" in caught.value.message
    assert "models folder as separation/htdemucs.safetensors" in caught.value.message
    assert str(tmp_path) not in caught.value.message
    assert caught.value.context["folder"] == str(tmp_path / "models" / "separation")


def load(tmp_path: Path, model: str = "htdemucs", told: list[float] | None = None) -> Separator:
    tell = (lambda _: None) if told is None else told.append
    return load_separator(model, None, _equipment(tmp_path), lambda: None, tell)


def test_network_of_the_hub_is_fetched_once_and_separates(hub: FileServer, tmp_path: Path) -> None:
    model, there, told = network(20), tmp_path / "there", []
    save(there / "955717e8.safetensors", model)
    (there / "htdemucs.yaml").write_text("models: ['955717e8']\n")
    (there / "README.md").write_text("words")
    (there / "old.th").write_bytes(b"a pickle")
    model_hub.publish(hub, "adefossez/HTDemucs", there)
    demucs, mix = load(tmp_path, told=told), sound(1.0)
    assert np.abs(separated(demucs, mix) - reference(model, mix)).max() < 1e-4
    asked = [path for path, _, _ in hub.requests]
    assert not any(path.endswith((".th", ".md")) for path in asked)
    assert told == sorted(told)
    assert told[-1] == 1.0
    hub.files.clear()
    assert load(tmp_path).revision == demucs.revision
    assert [path for path, _, _ in hub.requests] == asked


def test_bag_of_the_hub_takes_each_stem_from_the_network_that_its_recipe_says(hub: FileServer, tmp_path: Path) -> None:
    models, there = [network(seed) for seed in range(21, 25)], tmp_path / "there"
    for name, model in zip("dbca", models, strict=True):
        save(there / f"{name}.safetensors", model)
    one_each = [[float(i == j) for j in range(4)] for i in range(4)]
    (there / "htdemucs_ft.yaml").write_text(yaml.safe_dump({"models": list("dbca"), "weights": one_each}))
    model_hub.publish(hub, "adefossez/HTDemucs-ft", there)
    made, mix = separated(load(tmp_path, "htdemucs_ft"), sound(0.4)), sound(0.4)
    for stem, model in enumerate(models):
        assert np.abs(made[stem] - reference(model, mix)[stem]).max() < 1e-4


def test_what_an_operator_put_there_comes_before_the_hub(hub: FileServer, tmp_path: Path) -> None:
    save(tmp_path / "models" / "separation" / "htdemucs.safetensors", network(4))
    load(tmp_path)
    assert hub.requests == []


def test_transfer_that_breaks_off_goes_on_where_it_was(hub: FileServer, tmp_path: Path) -> None:
    there = tmp_path / "there"
    save(there / "one.safetensors", network(25))
    model_hub.publish(hub, "adefossez/HTDemucs", there)
    size = (there / "one.safetensors").stat().st_size
    stopped = False

    def stop_half_way(fraction: float) -> None:
        nonlocal stopped
        if fraction > 0.3 and not stopped:
            stopped = True
            raise StopNowError

    with pytest.raises(StopNowError):
        load_separator("htdemucs", None, _equipment(tmp_path), lambda: None, stop_half_way)
    assert not (tmp_path / "assets" / "separation" / "htdemucs").exists()
    load(tmp_path)
    ranges = [wanted for path, wanted, _ in hub.requests if path.endswith(".safetensors")]
    assert ranges[0] is None
    assert ranges[1] is not None
    assert 0 < int(ranges[1].removeprefix("bytes=").rstrip("-")) < size


def test_network_that_was_damaged_on_its_way_is_thrown_away(hub: FileServer, tmp_path: Path) -> None:
    there = tmp_path / "there"
    save(there / "one.safetensors", network(26))
    model_hub.publish(hub, "adefossez/HTDemucs", there)
    [path] = [path for path in hub.files if path.endswith(".safetensors")]
    whole = hub.files[path]
    hub.files[path] = whole[:-4] + b"oops"
    with pytest.raises(AppError, match="damaged on its way") as caught:
        load(tmp_path)
    assert caught.value.code is ErrorCode.MODEL_NOT_INSTALLED
    hub.files[path] = whole
    assert load(tmp_path).stems == tuple(FOUR)


@pytest.mark.parametrize("what", ["only a pickle", "other stems", "a class of its own", "half a bag", "no recipe"])
def test_what_is_published_and_is_no_such_network_is_refused_and_not_kept(
    hub: FileServer, tmp_path: Path, what: str
) -> None:
    there = tmp_path / "there"
    there.mkdir()
    if what == "only a pickle":
        (there / "955717e8.th").write_bytes(b"a pickle")
    elif what == "other stems":
        save(there / "one.safetensors", network(1, ["a", "b", "c", "d"]))
    elif what == "a class of its own":
        save(there / "one.safetensors", network(1), klass="os.system", args='["touch /tmp/owned"]')
    else:
        save(there / "one.safetensors", network(1))
        recipe = "models: [one, two]" if what == "half a bag" else "[[[not: a recipe"
        (there / "htdemucs.yaml").write_text(recipe)
    model_hub.publish(hub, "adefossez/HTDemucs", there)
    with pytest.raises(AppError) as caught:
        load(tmp_path)
    assert caught.value.code in (ErrorCode.MODEL_NOT_INSTALLED, ErrorCode.INTERNAL)
    kept = [path for path in (tmp_path / "assets").rglob("*") if path.is_file() and path.suffix != ".lock"]
    assert kept == []


def test_every_demucs_has_a_source_and_each_is_read() -> None:
    named = yaml.safe_load(sources_path().read_text())["separators"]
    assert set(named) == {name for name in SEPARATORS if name.startswith("htdemucs")}
    assert {str(source_of(name)) for name in named} == {
        f"hf:adefossez/{name}@main" for name in ("HTDemucs", "HTDemucs-ft", "HTDemucs-6s")
    }
    assert source_of("spleeter-2stems") is None


@pytest.mark.parametrize(
    "text", ["separators: [1]", "separators: {htdemucs: {}}", "separators: {htdemucs: {source: 'https://x'}}", "{", ""]
)
def test_sources_that_cannot_be_read_are_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "separators.yaml").write_text(text)
    with pytest.raises(AppError, match=r"separators\.yaml says nothing usable"):
        source_of("htdemucs", tmp_path / "separators.yaml")


def test_bag_whose_recipe_gives_a_stem_to_nobody_is_refused(tmp_path: Path) -> None:
    save(tmp_path / "one.safetensors", network(1))
    with pytest.raises(AppError, match="weights do not fit"):
        load_bag([tmp_path / "one.safetensors"], [[1.0, 0.0, 1.0, 1.0]])


@pytest.mark.parametrize(
    "text", ["models: 3", "models: []", "[]", "null", "models: [a]\nweights: [[.nan]]", "models: [a]\nweights: [[-1]]",
             "models: [&a [*a]]", "models: [a] #" + "x" * 70_000],
)  # fmt: skip
def test_recipe_that_is_none_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "m").mkdir()
    (tmp_path / "m" / "m.yaml").write_text(text)
    with pytest.raises(AppError, match=r"m\.yaml is no recipe"):
        find_bag(tmp_path, "m")


def test_half_a_bag_is_not_installed(tmp_path: Path) -> None:
    (tmp_path / "m").mkdir()
    (tmp_path / "m" / "m.yaml").write_text(yaml.safe_dump({"models": ["a", "b"]}))
    save(tmp_path / "m" / "a.safetensors", network(1))
    assert find_bag(tmp_path, "m") is None


def test_bag_recipe_cannot_name_files_outside_its_folder(tmp_path: Path) -> None:
    save(tmp_path / "secret.safetensors", network(1))
    (tmp_path / "m").mkdir()
    (tmp_path / "m" / "m.yaml").write_text(yaml.safe_dump({"models": ["../secret"]}))
    assert find_bag(tmp_path, "m") is None


def test_class_that_a_file_names_is_never_called(tmp_path: Path) -> None:
    save(tmp_path / "evil.safetensors", network(1), klass="os.system", args='["touch /tmp/owned"]')
    with pytest.raises(AppError, match=r"evil\.safetensors") as caught:
        load_bag([tmp_path / "evil.safetensors"])
    assert caught.value.code is ErrorCode.INTERNAL


def test_damaged_checkpoint_is_named(tmp_path: Path) -> None:
    (tmp_path / "broken.safetensors").write_bytes(b"\x08\x00\x00\x00\x00\x00\x00\x00notjson!")
    with pytest.raises(AppError, match=r"broken\.safetensors"):
        load_bag([tmp_path / "broken.safetensors"])


def test_networks_of_different_stems_make_no_bag(tmp_path: Path) -> None:
    save(tmp_path / "a.safetensors", network(1))
    save(tmp_path / "b.safetensors", network(2, ["a", "b", "c", "d"]))
    with pytest.raises(AppError, match=r"b\.safetensors"):
        load_bag([tmp_path / "a.safetensors", tmp_path / "b.safetensors"])
