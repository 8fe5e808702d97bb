"""The licence check reads what packages declare, and lets nothing through that nobody has read."""

import email.message
import importlib.util
import sys
from importlib.metadata import Distribution
from pathlib import Path

import pytest

_FILE = Path(__file__).resolve().parents[3] / "scripts" / "check_licences.py"
_SPEC = importlib.util.spec_from_file_location("check_licences", _FILE)
assert _SPEC is not None
check = importlib.util.module_from_spec(_SPEC)
sys.modules["check_licences"] = check
_SPEC.loader.exec_module(check)


class Installed(Distribution):
    """A package with the metadata that a test gives it."""

    def __init__(self, **fields: str) -> None:
        self._message = email.message.Message()
        for name, value in {"Name": "thing", "Version": "1", **fields}.items():
            for line in value.split("|"):
                self._message[name.replace("_", "-")] = line

    @property
    def metadata(self):
        return self._message

    def read_text(self, filename):
        return None

    def locate_file(self, path):
        return Path(path)


@pytest.mark.parametrize(
    ("fields", "fits"),
    [
        ({"License_Expression": "MIT"}, True),
        ({"License_Expression": "Apache-2.0 OR GPL-3.0-only"}, True),
        ({"License_Expression": "Apache-2.0 AND GPL-3.0-only"}, False),
        ({"License_Expression": "MIT AND (GPL-2.0-only OR BSD-3-Clause)"}, True),
        ({"License_Expression": "(MIT OR GPL-2.0-only) AND AGPL-3.0-only"}, False),
        ({"License_Expression": "Apache-2.0 WITH LLVM-exception"}, True),
        ({"License_Expression": "GPL-3.0-or-later"}, False),
        ({"License_Expression": "LGPL-3.0-or-later"}, True),
        ({"License": "GPLv3"}, False),
        ({"License": "Apache License, Version 2.0"}, True),
        ({"License": "Copyright (c) somebody, all rights reserved"}, False),
        ({"Classifier": "License :: OSI Approved :: MIT License"}, True),
        ({"Classifier": "License :: OSI Approved :: MIT License|License :: OSI Approved :: GNU GPL"}, False),
        ({"Classifier": "Topic :: Multimedia"}, False),
        ({}, False),
    ],
)  # fmt: skip
def test_only_licences_that_were_read_fit(fields: dict[str, str], fits: bool) -> None:
    assert check.read(Installed(**fields)).fits is fits


def test_what_people_install_holds_no_gpl() -> None:
    packages = check.packages_of(check.DEFAULT_EXTRAS)
    assert {"fastapi", "sqlalchemy", "authlib", "numpy"} <= {package.name for package in packages}
    assert [package.name for package in packages if not package.fits] == []
    assert "av" not in {package.name for package in packages}
