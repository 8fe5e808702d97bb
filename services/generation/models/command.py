"""`python -m services.generation.models`: put a checkpoint into the models folder, check one, list them.

`musicgen models add PATH` and `musicgen models check NAME` run it on the server's machine.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from services.generation.backends.protocol import ModelDescription
from services.generation.models.checkpoint import Checkpoint
from services.generation.models.installation import checked, install
from services.generation.models.refusal import refuse
from services.generation.models.shelf import ModelShelf, describe_folder, model_id
from services.generation.models.tokenizer import read_tokenizer
from services.generation.musicgen.conditioning import Conditioner
from services.shared.errors import AppError, ErrorCode

# What the agreement of quantised weights is measured on: prompts that differ in what they ask for.
_PROMPTS = ("a calm solo piano ballad", "energetic drum and bass with a deep synth bass", "80s rock with loud guitars")


def main(arguments: Sequence[str]) -> int:
    """Run one command; its exit code. Refusals are a sentence on stderr and exit code 1."""
    parser = _parser()
    asked = parser.parse_args(arguments)
    shelf = ModelShelf(models_folder(asked.models_dir))
    try:
        if asked.command == "add":
            _add(shelf, asked.path, asked.name)
        elif asked.command == "check":
            _check(shelf, asked.model, weights=not asked.shapes, agreement=not asked.quick)
        else:
            _list(shelf)
    except AppError as error:
        sys.stderr.write(f"{error.message}\n")
        return 1
    return 0


def models_folder(asked: Path | None) -> Path:
    """The models folder: as asked, else as the platform's settings in the environment say."""
    if asked is not None:
        return asked
    for name in ("MUSICGEN_MODELS_DIR", "MUSICGEN_GENERATION_MODELS_DIR"):
        if os.environ.get(name):
            return Path(os.environ[name]).expanduser()
    return Path(os.environ.get("MUSICGEN_HOME", "var")).expanduser() / "models"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="musicgen models", description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--models-dir", type=Path, help="the models folder; else MUSICGEN_MODELS_DIR or MUSICGEN_HOME")
    commands = parser.add_subparsers(dest="command", required=True)
    add = commands.add_parser("add", help="check a checkpoint's folder and link it into the models folder")
    add.add_argument("path", type=Path)
    add.add_argument("--name", help="what the model is called; else the folder's name")
    check = commands.add_parser("check", help="check a model, and what quantised weights do to it")
    check.add_argument("model", help="a model's id, or a folder")
    check.add_argument("--quick", action="store_true", help="leave out what quantised weights do to it")
    check.add_argument("--shapes", action="store_true", help="look at names, shapes and the tokenizer only")
    commands.add_parser("list", help="the models that are known, and which are here")
    return parser


def _add(shelf: ModelShelf, path: Path, name: str | None) -> None:
    source = path.expanduser().resolve()
    if not source.is_dir():
        raise refuse(path, "it is not a folder.")
    wanted = model_id(name or source.name)
    target = shelf.folder / wanted
    if target.exists() and target.resolve() != source:
        raise AppError(ErrorCode.CONFLICT, f"{target} is there already. Choose another --name.")
    shelf.folder.mkdir(parents=True, exist_ok=True)
    _say(f"Checking {source} …")
    checkpoint = checked(source, shelf.folder)
    description = _described(source, shelf, wanted)
    install(description, checkpoint)
    if not target.exists():
        target.symlink_to(source, target_is_directory=True)
    _describe(description, checkpoint)
    _say(f"{wanted} is here now: {target} → {source}")


def _check(shelf: ModelShelf, model: str, *, weights: bool, agreement: bool) -> None:
    folder = Path(model).expanduser() if "/" in model or Path(model).is_dir() else shelf.find(model_id(model))
    if folder is None:
        raise AppError(ErrorCode.NOT_FOUND, f"There is no {model_id(model)} in {shelf.folder}.")
    checkpoint = checked(folder, shelf.folder)
    description = _described(folder.resolve(), shelf, model_id(folder.name))
    if not weights:
        read_tokenizer(checkpoint.tokenizer_folders, checkpoint.configuration.text.vocabulary)
        _describe(description, checkpoint)
        return
    installed = install(description, checkpoint)
    _describe(description, checkpoint)
    if not agreement:
        return
    from services.generation.runtimes.agreement import measure_agreement
    from services.generation.runtimes.machine import Machine
    from services.generation.runtimes.precision import CachePrecision
    from services.generation.runtimes.verdicts import Verdicts

    if not Machine.probe().openvino:
        _say(
            "Quantised weights run beside OpenVINO, which is not installed here (it is made for x86-64): "
            "on this machine's processor the model runs as float32, and there is nothing to measure."
        )
        return
    conditions = Conditioner(installed.model, installed.tokenizer).conditions(_PROMPTS)
    _say("What quantised weights do to it (teacher-forced, against float32):")
    verdicts = Verdicts(shelf.quantised_folder)
    for found in measure_agreement(installed.model, conditions, progress=_Progress()):
        try:
            # A runtime asks for its weights with the cache that they usually have, and for another cache by name.
            usual = found.precision.cache is CachePrecision.FLOAT16
            precision = found.precision.weights if usual else found.precision
            verdicts.record(installed.model.decoder, precision, found.distance)
        except OSError as error:
            _say(f"  (This cannot be kept in {shelf.quantised_folder}: {error.strerror}.)")
        verdict = "offered" if found.offered else "not offered: too far from the model"
        _say(
            f"  {found.precision}: distance {found.distance:.4f}, same likeliest token {found.same_greedy:.1%}, "
            f"same draws {found.same_draws:.1%} of {found.predictions:,} — {verdict}"
        )
    _say(
        "int8 is the default on a CPU; another one is chosen by MUSICGEN_GENERATION_PRECISION. "
        "int4 then holds for the models on which it is offered here; the others stay int8. "
        "int8/int8 keeps keys and values as int8 too, which workers of many songs do by themselves where it is offered."
    )


def _list(shelf: ModelShelf) -> None:
    for model in shelf.descriptions():
        _say(f"{model.id:32} {'here' if model.installed else '-':5} {model.size_bytes / 1e9:6.1f} GB  {model.licence}")


def _described(folder: Path, shelf: ModelShelf, name: str) -> ModelDescription:
    description = describe_folder(folder, shelf.folder, name)
    if description is None:
        raise refuse(folder, "there is no MusicGen in it.")
    return description


def _describe(description: ModelDescription, checkpoint: Checkpoint) -> None:
    configuration = checkpoint.configuration
    decoder = configuration.decoder
    kind = "melody" if configuration.chroma else "style" if configuration.style else "text"
    sound = "stereo" if configuration.channels == 2 else "mono"
    _say(
        f"{description.id}: {kind} model, {decoder.layers} layers of {decoder.hidden_size}, "
        f"{decoder.codebooks} codebooks, {sound}, {configuration.codec.sample_rate:,} Hz, "
        f"{checkpoint.size_bytes / 1e9:.2f} GB, revision {description.revision}"
    )
    _say(f"Licence: {description.licence}.")


class _Progress:
    """A share of the work, on stderr: one line that changes where somebody watches, a line for each tenth elsewhere."""

    def __init__(self) -> None:
        self._watched = sys.stderr.isatty()
        self._tenth = -1

    def __call__(self, done: float) -> None:
        if self._watched:
            sys.stderr.write(f"\r  measuring: {done:4.0%}" if done < 1 else "\r\033[K")
        elif int(10 * done) > self._tenth:
            self._tenth = int(10 * done)
            sys.stderr.write(f"  measuring: {done:.0%}\n")
        sys.stderr.flush()


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()
