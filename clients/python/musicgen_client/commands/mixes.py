"""`musicgen mixes`: sessions that are kept as chains of versions."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, TypeAlias

import typer

from musicgen_client.calls import mixing
from musicgen_client.commands import output
from musicgen_client.commands.options import DEFAULT_URL, Cursor, Everything, Json, Limit, Url, connect, listed

app = typer.Typer()
mixes = typer.Typer(help="Keep sessions of mixes as chains of versions.", no_args_is_help=False)
app.add_typer(mixes, name="mixes")

MixId: TypeAlias = Annotated[str, typer.Argument(metavar="MIX", help="A mix's id.")]
Number: TypeAlias = Annotated[int, typer.Argument(metavar="VERSION", min=1, help="A version's number.")]
Session: TypeAlias = Annotated[Path, typer.Argument(metavar="SESSION", help="A session, as YAML or JSON.")]
Note: TypeAlias = Annotated[str | None, typer.Option("--note", help="What is new in it.")]


@mixes.callback(invoke_without_command=True)
def list_mixes(
    context: typer.Context,
    limit: Limit = 20,
    cursor: Cursor = None,
    everything: Everything = False,
    url: Url = DEFAULT_URL,
    json: Json = False,
) -> None:
    """List your mixes, newest first."""
    if context.invoked_subcommand is not None:
        return
    with connect(url) as client:
        page = listed(client, mixing.mixes(limit=limit, cursor=cursor), everything=everything)
    rows = [(mix.id, mix.title, f"v{mix.version}", output.when(mix.updated_at)) for mix in page.items]
    output.page(
        page, ("id", "title", "version", "saved"), rows, "no mixes yet: try musicgen mixes create", as_document=json
    )


@mixes.command()
def create(title: str, session: Session, note: Note = None, url: Url = DEFAULT_URL, json: Json = False) -> None:
    """Keep a session as a new mix; its files are sent first."""
    from musicgen_client.commands.sources import read_session, with_files_sent

    body = read_session(session)
    with connect(url) as client:
        mix = client.create_mix(title, with_files_sent(client, body, session.parent, quiet=json), note=note)
    output.document(mix) if json else output.line(mix.id)


@mixes.command()
def save(
    mix_id: MixId,
    session: Session,
    note: Note = None,
    base: Annotated[int | None, typer.Option("--base", min=1, help="The version that was changed.")] = None,
    url: Url = DEFAULT_URL,
    json: Json = False,
) -> None:
    """Keep a changed session as the newest version."""
    from musicgen_client.commands.sources import read_session, with_files_sent

    body = read_session(session)
    with connect(url) as client:
        body = with_files_sent(client, body, session.parent, quiet=json)
        version = client.save_mix_version(mix_id, body, note=note, base_version=base)
    output.document(version) if json else output.line(f"v{version.number}")


@mixes.command()
def versions(
    mix_id: MixId,
    limit: Limit = 20,
    cursor: Cursor = None,
    everything: Everything = False,
    url: Url = DEFAULT_URL,
    json: Json = False,
) -> None:
    """List a mix's versions, newest first."""
    with connect(url) as client:
        page = listed(client, mixing.mix_versions(mix_id, limit=limit, cursor=cursor), everything=everything)
    rows = [(f"v{item.number}", output.when(item.created_at), item.note) for item in page.items]
    output.page(page, ("version", "saved", "note"), rows, "no versions", as_document=json)


@mixes.command("open")
def open_version(
    mix_id: MixId,
    number: Number,
    out: Annotated[Path, typer.Option("--output", "-o", help="A new .yaml or .json file.")],
    url: Url = DEFAULT_URL,
) -> None:
    """Write a version's session to a file."""
    from musicgen_client.commands.sources import write_session

    with connect(url) as client:
        write_session(out, client.mix_version(mix_id, number).session or {})
    output.line(str(out))


@mixes.command()
def restore(mix_id: MixId, number: Number, url: Url = DEFAULT_URL, json: Json = False) -> None:
    """Make an older session the newest version."""
    with connect(url) as client:
        version = client.restore_mix_version(mix_id, number)
    output.document(version) if json else output.line(f"v{version.number}")


@mixes.command()
def render(
    mix_id: MixId,
    number: Number,
    out: Annotated[Path | None, typer.Option("--output", "-o", help="A sound file, or a folder.")] = None,
    wait: Annotated[bool, typer.Option("--wait/--no-wait", help="Wait for the result and fetch it.")] = True,
    url: Url = DEFAULT_URL,
    json: Json = False,
) -> None:
    """Render a version, old or new, to a track."""
    from musicgen_client.commands.shaping import finish
    from musicgen_client.commands.sources import check_output

    if out is not None and not wait:
        raise typer.BadParameter("--no-wait fetches nothing: leave out --output")
    out = check_output(out)
    with connect(url) as client:
        finish(client, client.render_mix_version(mix_id, number), out, wait=wait, json=json)


@mixes.command()
def delete(mix_id: MixId, url: Url = DEFAULT_URL) -> None:
    """Remove a mix with all its versions; tracks stay."""
    with connect(url) as client:
        client.delete_mix(mix_id)
    output.note("removed")
