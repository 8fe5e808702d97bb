"""The scripts that run before anything is installed, as modules."""

import importlib
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

SCRIPTS = Path(__file__).resolve().parents[3] / "scripts"


@pytest.fixture
def script_module(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], ModuleType]:
    """`script_module("bootstrap")` imports scripts/bootstrap.py."""
    monkeypatch.syspath_prepend(str(SCRIPTS))
    return importlib.import_module
