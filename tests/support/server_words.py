"""The English that the server writes on the studio's pages, by stable ids, read from the server's own sources.

`python -m tests.support.server_words` writes `frontend/messages/server/en.json` anew. The studio's other languages are
keyed alike, and a test here sees to it that each says everything that the server says today.
"""

from __future__ import annotations

import ast
import inspect
import json
import re
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Final

import yaml
from zxcvbn import feedback

from services.generation.backends.musicgen import DEBUG
from services.generation.composer.description import DESCRIPTION
from services.generation.composer.genres.catalogue import GENRES
from services.generation.composer.instruments import INSTRUMENTS
from services.generation.composer.lexicon import MOODS
from services.generation.models.shelf import KNOWN
from services.processing.mastering.presets import preset_list
from services.processing.mixing.schema import effect_schema
from services.user_management.auth import password_policy

ROOT: Final = Path(__file__).resolve().parents[2]
MESSAGES: Final = ROOT / "frontend" / "messages"
ENGLISH: Final = MESSAGES / "server" / "en.json"
# Where sentences are written for people: remarks on what was made, and what is wrong with what they typed into a form.
_REMARKS: Final = (("services/generation/composer", "noted"), ("services/processing/mastering/report.py", "append"))
_FORMS: Final = tuple(
    f"services/user_management/{name}.py"
    for name in (
        "accounts/credentials",
        "accounts/repository",
        "accounts/rules",
        "auth/gate",
        "auth/second_factor",
        "exports/exports",
        "social/rules",
        "webhooks/rules",
    )
)
# The services whose workers say how far a job is, and what they call to say it.
_WORKING: Final = ("generation", "processing")
_TELLING: Final = {"report", "_report", "progress", "tell"}
_TELLS: Final = re.compile(rf"\b({'|'.join(sorted(_TELLING))})\(")


@cache
def server_words() -> dict[str, str]:
    """Every word and sentence by its id; `{1}` stands for what a sentence is about."""
    return {**_effects(), **_presets(), **_models(), **_composer(), **_sentences(), **_tiers()}


@cache
def stages() -> set[str]:
    """Every stage that a job of these services can be at; `{1}` stands for what it is about."""
    found: set[str] = set()
    for path in (path for name in _WORKING for path in sorted((ROOT / "services" / name).rglob("*.py"))):
        if _TELLS.search(path.read_text(encoding="utf-8")):
            found.update(Scope.of(path).told(_TELLING, place=1))
    return found


def health_parts() -> set[str]:
    """What the gateway's health names."""
    tree = ast.parse((ROOT / "services" / "gateway" / "main.py").read_text(encoding="utf-8"))
    [call] = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and _name(node.func) == "HealthChecks"]
    assert isinstance(call.args[0], ast.Dict)
    return {key.value for key in call.args[0].keys if isinstance(key, ast.Constant) and isinstance(key.value, str)}


def _effects() -> dict[str, str]:
    effects = effect_schema()["effects"]
    # Most parameters of one name are called alike in every effect; the others have an id of their own.
    titles: dict[str, Counter[str]] = {}
    for effect in effects:
        for parameter in effect["parameters"]:
            titles.setdefault(parameter["name"], Counter())[parameter["title"]] += 1
    usual = {name: counter.most_common(1)[0][0] for name, counter in titles.items()}
    words = {f"parameter.{name}": title for name, title in usual.items()}
    for effect in effects:
        words[f"group.{effect['group']}"] = effect["group"]
        words[f"effect.{effect['id']}"] = effect["title"]
        words[f"effect.{effect['id']}.about"] = effect["description"]
        for parameter in effect["parameters"]:
            if parameter["title"] != usual[parameter["name"]]:
                words[f"parameter.{effect['id']}.{parameter['name']}"] = parameter["title"]
            if unit := parameter.get("unit"):
                words[f"unit.{unit}"] = unit
            for choice in parameter.get("choices", ()):
                words[f"choice.{choice}"] = choice.replace("_", " ")
    return words


def _presets() -> dict[str, str]:
    words = {}
    for preset in preset_list():
        words[f"preset.{preset['name']}"] = preset["title"]
        words[f"preset.{preset['name']}.about"] = preset["description"]
    return words


def _models() -> dict[str, str]:
    words = {}
    for model in (DESCRIPTION, DEBUG, *KNOWN.values()):
        words[f"model.{model.id}"] = model.title
        words[f"model.{model.id}.about"] = model.description
        words[f"model.{model.id}.licence"] = model.licence
    return words


def _composer() -> dict[str, str]:
    words = {f"style.{name}": name for name in GENRES}
    words |= {f"style.{genre.id}.title": genre.title for genre in GENRES.values()}
    words |= {f"mood.{name}": name for name in MOODS}
    layers = {layer.name for genre in GENRES.values() for layer in genre.layers}
    return words | {f"instrument.{name}": name for name in sorted({*INSTRUMENTS, *layers, "drums"})}


def _sentences() -> dict[str, str]:
    said: list[str] = []
    for place, called in _REMARKS:
        path = ROOT / place
        for file in sorted(path.rglob("*.py")) if path.is_dir() else (path,):
            said += Scope.of(file).told({called}, place=0)
    for place in _FORMS:
        said += Scope.of(ROOT / place).told({"AppError", "field", "failed"}, place=1, strict=False)
    said += _weaknesses()
    return {f"says.{sentence}": sentence for sentence in said}


def _weaknesses() -> list[str]:
    """What is said of passwords that are easy to guess: ours, around what the library says."""
    ours = ast.parse(inspect.getsource(password_policy.weakness))
    theirs = ast.parse(inspect.getsource(feedback))
    warning = re.compile(r'.*(to guess|used password|common password)( than "abc")?\.')
    return [*_literals(ours, re.compile(r"[A-Z{].* \w+\.")), *_literals(theirs, warning)]


def _literals(tree: ast.AST, wanted: re.Pattern[str]) -> list[str]:
    texts = [list(_joined(node.values)) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr)]
    texts += [[node.value] for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)]
    return [text for found in texts for text in found if wanted.fullmatch(text)]


def _tiers() -> dict[str, str]:
    """The tiers of accounts as they come."""
    tiers = yaml.safe_load((ROOT / "configs" / "tiers.yaml").read_text(encoding="utf-8"))["tiers"]
    return {f"tier.{name}": name for name in tiers}


class Scope:
    """The texts that a module hands over, with what it gave a name before."""

    def __init__(self, tree: ast.Module, path: Path) -> None:
        self._path = path
        self._parents = {child: node for node in ast.walk(tree) for child in ast.iter_child_nodes(node)}
        self._tree = tree

    @classmethod
    def of(cls, path: Path) -> Scope:
        """That of a source file."""
        return cls(ast.parse(path.read_text(encoding="utf-8")), path)

    def told(self, called: set[str], *, place: int, strict: bool = True) -> Iterator[str]:
        """The argument at `place`, or called `stage`, of every call of one of these names.

        Where it cannot be told what that is, it is left out, or raises AssertionError if `strict`.
        """
        for node in ast.walk(self._tree):
            if not isinstance(node, ast.Call) or _name(node.func) not in called:
                continue
            named = [keyword.value for keyword in node.keywords if keyword.arg == "stage"]
            for value in (*node.args[place : place + 1], *named):
                try:
                    yield from self._texts(value, node)
                except AssertionError:
                    if strict:
                        raise

    def _texts(self, value: ast.expr, at: ast.AST) -> Iterator[str]:
        match value:
            case ast.Constant(value=str(text)):
                yield text
            case ast.JoinedStr(values=parts):
                yield from _joined(parts)
            case ast.IfExp(body=one, orelse=other):
                yield from self._texts(one, at)
                yield from self._texts(other, at)
            case ast.Name(id=name):
                yield from self._named(name, at)
            case ast.BoolOp() | ast.Attribute():
                # What was said before, said again.
                return
            case _:
                raise AssertionError(f"{self._path}:{at.__dict__.get('lineno')}: {ast.unparse(value)} says what?")

    def _named(self, name: str, at: ast.AST) -> Iterator[str]:
        """What a name stands for: in the function around, in the module; nothing for what the caller says."""
        inner: ast.AST | None = at
        while inner is not None:
            inner = self._parents.get(inner)
            if isinstance(inner, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
                arguments = inner.args
                if name in {item.arg for item in (*arguments.args, *arguments.kwonlyargs, *arguments.posonlyargs)}:
                    return
            if isinstance(inner, ast.FunctionDef | ast.AsyncFunctionDef | ast.Module):
                values = [
                    node.value
                    for node in ast.walk(inner)
                    if isinstance(node, ast.Assign | ast.AnnAssign)
                    and node.value is not None
                    and name in {_name(target) for target in _targets(node)}
                ]
                if values:
                    for value in values:
                        yield from self._texts(value, inner)
                    return
        raise AssertionError(f"{self._path}: nobody knows what {name} is")


def _joined(parts: list[ast.expr]) -> Iterator[str]:
    """The pattern of an f-string; where a part is one of two words, both patterns."""
    patterns = [""]
    for part in parts:
        match part:
            case ast.Constant(value=str(text)):
                said = [text]
            case ast.FormattedValue(
                value=ast.IfExp(body=ast.Constant(value=str(one)), orelse=ast.Constant(value=str(other)))
            ):
                said = [one, other]
            case _:
                said = ["{}"]
        patterns = [pattern + word for pattern in patterns for word in said]
    for pattern in patterns:
        head, *tail = pattern.split("{}")
        yield head + "".join(f"{{{number}}}{text}" for number, text in enumerate(tail, 1))


def _targets(node: ast.Assign | ast.AnnAssign) -> list[ast.expr]:
    return node.targets if isinstance(node, ast.Assign) else [node.target]


def _name(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


if __name__ == "__main__":
    ENGLISH.write_text(json.dumps(server_words(), ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
