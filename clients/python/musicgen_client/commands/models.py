"""`musicgen models`, for administrators `pull` and `remove`, and on the server's own machine `add` and `check`."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer

from musicgen_client.commands import output
from musicgen_client.commands.options import DEFAULT_URL, Json, Url, connect

_SERVER = "services.generation.models"

app = typer.Typer()
models = typer.Typer(invoke_without_command=True, rich_markup_mode=None)
app.add_typer(models, name="models")


@models.callback()
def list_models(context: typer.Context, url: Url = DEFAULT_URL, json: Json = False) -> None:
    """List the models, with their licences."""
    if context.invoked_subcommand is not None:
        return
    with connect(url) as client:
        found = client.models()
    if json:
        output.document({"items": list(found)})
        return
    rows = [
        (
            f"{model.id}{' (default)' if model.default else ''}",
            model.title,
            model.licence,
            "yes" if model.commercial_use else "no",
            "yes" if model.installed else "no",
            f"{model.size_bytes / 1e6:.0f} MB",
            output.clock(model.max_duration),
            f"{model.real_time_factor:.1f} ×" if model.real_time_factor else "",
        )
        for model in found
    ]
    columns = ("id", "title", "licence", "may be sold", "installed", "size", "longest", "speed")
    output.table(columns, rows, "the server offers no models")


@models.command()
def pull(
    model: Annotated[str, typer.Argument(help="A model's id, for example musicgen-small.")],
    wait: Annotated[bool, typer.Option("--wait/--no-wait", help="Follow it to its end.")] = True,
    url: Url = DEFAULT_URL,
    json: Json = False,
) -> None:
    """Have the server fetch a model. Whoever installs one accepts its licence. For administrators."""
    from musicgen_client.commands.sources import follow

    with connect(url) as client:
        wanted = client.model(model)
        if not json:
            terms = "what it makes may be sold" if wanted.commercial_use else "for non-commercial use only"
            output.note(f"{wanted.title}: {wanted.size_bytes / 1e9:.1f} GB, licence {wanted.licence} ({terms})")
        job = client.pull_model(model)
        if wait:
            job = follow(client, job, quiet=json)
    if json:
        output.document({"job": job})
    else:
        output.line(f"{model} is installed" if wait else job.id)


@models.command()
def remove(
    model: Annotated[str, typer.Argument(help="A model's id.")],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    url: Url = DEFAULT_URL,
) -> None:
    """Have the server remove a model from its models folder. For administrators."""
    if not yes:
        typer.confirm(f"Remove {model} from the server?", abort=True)
    with connect(url) as client:
        client.remove_model(model)
    output.line(f"{model} is removed")


@models.command()
def add(
    path: Annotated[Path, typer.Argument(help="A folder with a MusicGen checkpoint, in either layout.")],
    name: Annotated[
        str | None, typer.Option("--name", help="What the model is called; else the folder's name.")
    ] = None,
    models_dir: Annotated[Path | None, typer.Option("--models-dir", help="The server's models folder.")] = None,
) -> None:
    """Check a checkpoint and link it into this machine's models folder. Runs where the server runs."""
    _run([*_folder(models_dir), "add", str(path), *(["--name", name] if name else [])])


@models.command()
def check(
    model: Annotated[str, typer.Argument(help="A model's id, or a folder.")],
    quick: Annotated[bool, typer.Option("--quick", help="Leave out what quantised weights do to it.")] = False,
    models_dir: Annotated[Path | None, typer.Option("--models-dir", help="The server's models folder.")] = None,
) -> None:
    """Check a model, and measure what quantised weights do to it. Runs where the server runs."""
    _run([*_folder(models_dir), "check", model, *(["--quick"] if quick else [])])


def _folder(models_dir: Path | None) -> list[str]:
    return ["--models-dir", str(models_dir)] if models_dir else []


def _run(arguments: list[str]) -> None:
    """The server's own command, in a process of its own: the client holds nothing of the server."""
    if importlib.util.find_spec("services") is None:
        raise typer.BadParameter("the server is not installed here; run this on its machine, or copy the folder there.")
    code = subprocess.run([sys.executable, "-m", _SERVER, *arguments], check=False).returncode  # noqa: S603
    if code:
        raise typer.Exit(code)
