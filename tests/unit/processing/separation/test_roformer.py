"""RoFormers compute what the networks' other implementation computes, and songs are streamed through them whole."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from safetensors.torch import save_file
from torch import Tensor

from services.processing.jobs.kind import Equipment
from services.processing.separation import roformer_network
from services.processing.separation.catalogue import ensemble
from services.processing.separation.loading import load_separator
from services.processing.separation.roformer import (
    Checkpoint,
    Config,
    RoFormerSeparator,
    fading,
    find_checkpoint,
    load_checkpoint,
)
from services.processing.separation.roformer_network import RoFormer, mel_bands, partition, rotated, shape_of
from services.shared.errors import AppError, ErrorCode
from tests.support.roformers import BANDS, music, network, shape

HOP = 512
FOUR = ("drums", "bass", "other", "vocals")


class ArrayMix:
    """A mix in memory, handed out in blocks of an awkward size."""

    def __init__(self, samples: np.ndarray) -> None:
        self._samples = samples
        self.frames = len(samples)

    def blocks(self, check: Callable[[], None]) -> Iterator[np.ndarray]:
        for start in range(0, self.frames, 30_011):
            check()
            yield self._samples[start : start + 30_011]


class Whole(RoFormer):
    """Finds everything in its only stem."""

    def forward(self, spectra: Tensor) -> Tensor:
        return torch.ones(spectra.shape[0], 1, *spectra.shape[1:], dtype=spectra.dtype)


def config(stems: tuple[str, ...] = ("vocals",), **audio: int) -> Config:
    return Config.model_validate(
        {
            "model": {"stft_hop_length": HOP},
            "training": {"instruments": stems},
            "audio": {"chunk_size": 44_100, **audio},
        }
    )


def separated(separator: RoFormerSeparator, mix: np.ndarray) -> np.ndarray:
    return np.concatenate(list(separator.separate(ArrayMix(mix), lambda: None)), axis=1)


def save(folder: Path, name: str, model: RoFormer, **changes: Any) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    save_file({key: value.contiguous() for key, value in model.state_dict().items()}, folder / f"{name}.safetensors")
    document = {
        "model": {"stft_hop_length": HOP, "dim": 8},
        "training": {"instruments": ["vocals", "other"], "target_instrument": "vocals"},
        "audio": {"chunk_size": 44_100, "sample_rate": 44_100},
    }
    for section, values in changes.items():
        document[section] |= values
    (folder / f"{name}.yaml").write_text(yaml.safe_dump(document))


# What the package BS-RoFormer 0.4.1 (MIT) makes of the same weights and sound: samples 1000, 7777 and 15000 of both
# channels of both stems, and the mean of all magnitudes.
REFERENCE = {
    False: (
        (-0.07601, 0.279459, -0.189315), (0.127695, -0.210549, 0.054435),
        (0.116872, -0.48623, 0.048095), (0.018515, -0.326563, -0.094644), 0.138601,
    ),
    True: (
        (-0.136289, -0.177925, 0.053886), (0.099381, -0.103553, 0.048674),
        (-0.033579, 0.066208, 0.09523), (0.027866, 0.000614, -0.014291), 0.12873,
    ),
}  # fmt: skip


@pytest.mark.parametrize("mel", [False, True])
@torch.inference_mode()
def test_network_computes_what_the_other_implementation_does(mel: bool) -> None:
    sound, window = music(HOP * 32), torch.hann_window(2_048)
    spectra = torch.stft(sound, 2_048, HOP, window=window, return_complex=True)
    estimated = (network(mel=mel, stems=2)(spectra[None])[0] * spectra).reshape(4, *spectra.shape[1:])
    made = torch.istft(estimated, 2_048, HOP, window=window, length=sound.shape[1])
    *samples, level = REFERENCE[mel]
    assert made[:, [1_000, 7_777, 15_000]].tolist() == [pytest.approx(row, abs=2e-5) for row in samples]
    assert float(made.abs().mean()) == pytest.approx(level, abs=1e-5)


def test_partition_holds_every_bin_once() -> None:
    bands = partition(BANDS)
    assert bands.shape == (62, 1_025)
    assert (bands.sum(axis=0) == 1).all()


@pytest.mark.parametrize(("count", "size"), [(60, 2_048), (48, 2_048), (64, 4_096)])
def test_mel_bands_hold_every_bin_and_overlap_only_with_their_neighbours(count: int, size: int) -> None:
    bands = mel_bands(count, size // 2 + 1, 44_100)
    held = bands.sum(axis=0)
    assert held.min() >= 1
    assert held.max() <= 2
    assert (np.diff(bands.sum(axis=1).astype(int)) >= -1).all()


def test_rotation_keeps_lengths_and_tells_only_distances() -> None:
    query, key = torch.randn(2, 1, 8).expand(2, 9, 8)
    turned, other = rotated(query), rotated(key)
    assert torch.allclose(turned.norm(dim=-1), query.norm(dim=-1), atol=1e-5)
    products = turned @ other.T
    assert torch.allclose(products[1, 0], products[8, 7], atol=1e-4)


def test_weight_of_segments_is_nowhere_nothing() -> None:
    weight = fading(4_410)
    assert weight.min() > 0
    assert np.allclose(weight, weight[::-1], atol=1e-6)


@pytest.mark.parametrize("frames", [1, 500, 44_100, 44_101, 100_003])
def test_segments_join_to_the_song_exactly(frames: int) -> None:
    mix = np.random.default_rng(frames).uniform(-1, 1, (frames, 2)).astype(np.float32)
    made = separated(RoFormerSeparator(Checkpoint(Whole(shape()), config()), "r"), mix)
    assert made.shape == (2, frames, 2)
    assert np.abs(made[0] - mix).max() < 1e-5
    assert np.abs(made[1]).max() < 1e-5


def test_stem_and_accompaniment_sum_to_the_mix() -> None:
    mix = music(70_000).numpy().T.copy()
    separator = RoFormerSeparator(Checkpoint(network(), config()), "r")
    assert separator.stems == ("vocals", "accompaniment")
    made = separated(separator, mix)
    assert np.abs(made.sum(axis=0) - mix).max() < 1e-5
    assert np.abs(made[0]).max() > 0.01


def test_begin_of_a_song_is_estimated_as_the_same_sound_within_it() -> None:
    quiet, sound = np.zeros((44_100, 2), np.float32), music(88_200).numpy().T.copy()
    separator = RoFormerSeparator(Checkpoint(network(), config()), "r")
    alone, later = separated(separator, sound), separated(separator, np.concatenate((quiet, sound)))
    assert np.abs(alone - later[:, 44_100:]).max() < 1e-4


def test_cancel_stops_the_network_before_its_next_module() -> None:
    class StopNowError(Exception):
        pass

    begun, stop_in = 0, -1
    model = network()

    def begin(_module: object, _given: object) -> None:
        nonlocal begun
        begun += 1

    def check() -> None:
        if begun == stop_in:
            raise StopNowError

    for module in model.modules():
        module.register_forward_pre_hook(begin)
    separator = RoFormerSeparator(Checkpoint(model, config()), "r")
    mix = music(30_000).numpy().T.copy()
    wanted = separated(separator, mix)
    all_of_them, begun = begun, 0
    assert all_of_them > 3 * 100
    for stop_in in (1, all_of_them // 3, all_of_them - 1):
        begun = 0
        with pytest.raises(StopNowError):
            for _ in separator.separate(ArrayMix(mix), check):
                pass
        assert begun == stop_in
    stop_in = -1
    assert np.array_equal(separated(separator, mix), wanted)


@torch.inference_mode()
def test_layers_work_on_some_rows_at_a_time_and_make_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    spectra = torch.stft(music(HOP * 32), 2_048, HOP, window=torch.hann_window(2_048), return_complex=True)[None]
    whole = network()(spectra)
    heights: list[int] = []
    model = network()
    for module in model.modules():
        if isinstance(module, torch.nn.Linear):
            module.register_forward_pre_hook(lambda _module, given: heights.append(given[0].shape[:-1].numel()))
    # 33 frames of 62 bands: fewer rows than there are, and in the end a single one.
    for most_positions, most_pairs in ((200, 1 << 24), (1 << 14, 5_000), (1, 1)):
        monkeypatch.setattr(roformer_network, "_MOST_POSITIONS", most_positions)
        monkeypatch.setattr(roformer_network, "_MOST_PAIRS", most_pairs)
        heights.clear()
        assert (model(spectra) - whole).abs().max() < 1e-5
        assert max(heights) <= max(200, 62)


@pytest.mark.parametrize("mel", [False, True])
def test_checkpoint_says_itself_what_it_is(mel: bool) -> None:
    wanted = shape(mel=mel, stems=2)
    found = shape_of(RoFormer(wanted).state_dict(), 44_100)
    assert np.array_equal(found.bands, wanted.bands)
    assert {name: getattr(found, name) for name in found.__slots__ if name != "bands"} == {
        name: getattr(wanted, name) for name in wanted.__slots__ if name != "bands"
    }


def equipment(tmp_path: Path) -> Equipment:
    return Equipment(assets_dir=tmp_path / "assets", models_dir=tmp_path / "models", device="cpu")


def test_checkpoint_of_an_operator_is_found_and_separates(tmp_path: Path) -> None:
    home = tmp_path / "models" / "separation"
    save(home, "roformer-vocals", network(mel=True))
    separator = load_separator("roformer-vocals", None, equipment(tmp_path), lambda: None, lambda _: None)
    mix = music(50_000).numpy().T.copy()
    expected = separated(RoFormerSeparator(Checkpoint(network(mel=True), config()), "r"), mix)
    assert np.array_equal(separated(separator, mix), expected)  # type: ignore[arg-type]
    assert len(separator.revision) == 12


def test_four_stems_keep_the_order_of_the_checkpoint(tmp_path: Path) -> None:
    stems = ["bass", "Drums", "other", "vocals"]
    save(tmp_path, "m", network(stems=4), training={"instruments": stems, "target_instrument": None})
    files = find_checkpoint(tmp_path, "m")
    assert files is not None
    assert RoFormerSeparator(load_checkpoint(*files, FOUR), "r").stems == ("bass", "drums", "other", "vocals")


def test_other_numbering_of_layers_and_stored_tables_are_understood(tmp_path: Path) -> None:
    save(tmp_path, "m", network(mel=True))
    tensors = {}
    for name, tensor in network(mel=True).state_dict().items():
        parts = name.split(".")
        if parts[0] == "layers":
            parts[2] = str(int(parts[2]) + 1)
        tensors[".".join(parts)] = tensor.contiguous()
    tensors["layers.0.1.layers.0.0.rotary_embed.freqs"] = torch.ones(2)
    save_file(tensors, tmp_path / "m.safetensors")
    made = load_checkpoint(tmp_path / "m.safetensors", tmp_path / "m.yaml", ("vocals", "accompaniment")).network
    wanted = network(mel=True).state_dict()
    assert all(torch.equal(tensor, wanted[name]) for name, tensor in made.state_dict().items())


def test_missing_checkpoint_says_what_to_put_where(tmp_path: Path) -> None:
    with pytest.raises(AppError, match=r"separation/roformer-vocals\.safetensors and separation/") as caught:
        load_separator("roformer-vocals", None, equipment(tmp_path), lambda: None, lambda _: None)
    assert caught.value.code is ErrorCode.MODEL_NOT_INSTALLED
    assert str(tmp_path) not in caught.value.message


def damaged(path: Path, tensors: dict[str, Tensor]) -> None:
    save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, path)


def test_pickle_is_refused_whatever_its_name(tmp_path: Path) -> None:
    save(tmp_path, "m", network())
    (tmp_path / "m.safetensors").write_bytes(pickle.dumps({"a": 1}))
    with pytest.raises(AppError, match=r"m\.safetensors is no RoFormer"):
        load_checkpoint(tmp_path / "m.safetensors", tmp_path / "m.yaml", ("vocals", "accompaniment"))
    torch.save({"a": torch.ones(1)}, tmp_path / "n.ckpt")
    assert find_checkpoint(tmp_path, "n") is None


@pytest.mark.parametrize(
    "change",
    [
        lambda found: found.pop("layers.1.1.layers.0.0.to_gates.bias"),
        lambda found: found.pop("band_split.to_features.3.0.gamma"),
        lambda found: found.update({"linear.weight": torch.ones(3)}),
        lambda found: found.update({"final_norm.gamma": torch.ones(9)}),
        lambda found: found.update({"final_norm.gamma": torch.ones(8, dtype=torch.int32)}),
        lambda found: found.update({"band_split.to_features.0.0.gamma": torch.ones(7)}),
        lambda found: found.clear(),
    ],
)
def test_checkpoint_that_does_not_fit_is_named(change: Callable[[dict[str, Tensor]], object], tmp_path: Path) -> None:
    save(tmp_path, "m", network())
    tensors = dict(network().state_dict())
    change(tensors)
    damaged(tmp_path / "m.safetensors", tensors)
    with pytest.raises(AppError, match=r"m\.safetensors is no RoFormer that can be run") as caught:
        load_checkpoint(tmp_path / "m.safetensors", tmp_path / "m.yaml", ("vocals", "accompaniment"))
    assert caught.value.code is ErrorCode.INTERNAL


@pytest.mark.parametrize(
    "text",
    [
        "",
        "model: {stft_hop_length: 512}",
        "model: {stft_hop_length: 2048}\ntraining: {instruments: [vocals]}",
        "model: {stft_hop_length: .nan}\ntraining: {instruments: [vocals]}",
        "model: {stft_hop_length: 512}\ntraining: {instruments: [kazoo]}",
        "model: {stft_hop_length: 512}\ntraining: {instruments: [vocals]}\naudio: {sample_rate: 48000}",
        "model: {stft_hop_length: 512, skip_connection: true}\ntraining: {instruments: [vocals]}",
        "model: !!python/object/apply:os.system ['touch /tmp/owned']",
        "[" * 50_000,
        "x" * 70_000,
    ],
)
def test_configuration_that_does_not_fit_is_named(text: str, tmp_path: Path) -> None:
    save(tmp_path, "m", network())
    (tmp_path / "m.yaml").write_text(text)
    with pytest.raises(AppError, match=r"m\.yaml is no RoFormer that can be run"):
        load_checkpoint(tmp_path / "m.safetensors", tmp_path / "m.yaml", ("vocals", "accompaniment"))


def test_lists_that_are_written_as_tuples_are_read(tmp_path: Path) -> None:
    save(tmp_path, "m", network())
    text = (
        "model:\n  stft_hop_length: 512\n  freqs_per_bands: !!python/tuple [2, 2]\ntraining: {instruments: [vocals]}\n"
    )
    (tmp_path / "m.yaml").write_text(text)
    found = load_checkpoint(tmp_path / "m.safetensors", tmp_path / "m.yaml", ("vocals", "accompaniment"))
    assert found.config.model.stft_hop_length == HOP


@pytest.mark.parametrize(
    ("weights", "members"),
    [
        (None, ("spleeter-2stems", "htdemucs")),
        ({"vocals": {"roformer-vocals": 1}}, ("htdemucs", "roformer-vocals")),
        ({"vocals": {"roformer-vocals": 0.5, "htdemucs": 0.5}}, ("htdemucs", "roformer-vocals")),
        ({stem: {"roformer-4stems": 1.0} for stem in FOUR}, ("roformer-4stems",)),
        ({stem: {"roformer-4stems": 1.0} for stem in FOUR[:3]}, ("spleeter-2stems", "htdemucs", "roformer-4stems")),
    ],
)
def test_hybrid_loads_only_what_counts(weights: dict[str, dict[str, float]] | None, members: tuple[str, ...]) -> None:
    assert ensemble(weights) == members


def test_hybrid_of_a_checkpoint_alone_is_that_checkpoint(tmp_path: Path) -> None:
    home = tmp_path / "models" / "separation"
    save(home, "roformer-4stems", network(stems=4), training={"instruments": list(FOUR), "target_instrument": None})
    weights = {stem: {"roformer-4stems": 1.0} for stem in FOUR}
    hybrid = load_separator("hybrid", weights, equipment(tmp_path), lambda: None, lambda _: None)
    assert hybrid.stems == FOUR
    mix = music(60_000).numpy().T.copy()
    made = np.concatenate(list(hybrid.separate(ArrayMix(mix), lambda: None)), axis=1)
    assert made.shape == (4, 60_000, 2)
    assert np.isfinite(made).all()


def test_request_document_names_them() -> None:
    from services.processing.separation import request

    body = {"track_id": "t", "model": "roformer-vocals", "preset": "karaoke"}
    assert request.parse(body).model == "roformer-vocals"
    weights = {"vocals": {"roformer-vocals": 1.0}, "drums": {"roformer-4stems": 1.0}}
    assert request.parse({"track_id": "t", "model": "hybrid", "weights": weights}).weights == weights
    with pytest.raises(AppError) as caught:
        request.parse({"track_id": "t", "model": "hybrid", "weights": {"drums": {"roformer-vocals": 1.0}}})
    assert json.dumps([item.pointer for item in caught.value.violations]) == '["/weights/drums"]'
