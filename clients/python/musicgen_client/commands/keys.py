"""`musicgen keys`: keys for programs."""

from __future__ import annotations

from typing import Annotated

import typer

from musicgen_client.commands import output
from musicgen_client.commands.options import DEFAULT_URL, Json, Url, connect

app = typer.Typer()
keys = typer.Typer(invoke_without_command=True, rich_markup_mode=None)
app.add_typer(keys, name="keys")


@keys.callback()
def list_keys(context: typer.Context, url: Url = DEFAULT_URL, json: Json = False) -> None:
    """List your API keys, or make and revoke them."""
    if context.invoked_subcommand is not None:
        return
    with connect(url) as client:
        found = client.api_keys().items
    if json:
        output.document({"items": list(found)})
        return
    rows = [
        (
            key.id,
            key.name,
            f"{key.prefix}…",
            " ".join(key.scopes),
            output.when(key.expires_at),
            output.when(key.last_used_at),
        )
        for key in found
    ]
    output.table(("id", "name", "key", "scopes", "expires", "last used"), rows, "you have no keys")


@keys.command()
def create(
    name: Annotated[str, typer.Argument(help="What the key is for.")],
    scope: Annotated[
        list[str] | None, typer.Option("--scope", help="read, generate, write or admin; may be given again.")
    ] = None,
    days: Annotated[
        int | None, typer.Option("--days", help="How long it works; left out: until it is revoked.")
    ] = None,
    url: Url = DEFAULT_URL,
    json: Json = False,
) -> None:
    """Make a key and print it, this once. Without --scope it may read, generate and write."""
    with connect(url) as client:
        made = client.create_api_key(name, scope or ["read", "generate", "write"], days)
    if json:
        output.document(made)
        return
    output.note(f"The key {made.key.name} may {', '.join(made.key.scopes)}. It is shown this once:")
    output.line(made.secret)


@keys.command()
def revoke(
    key_id: Annotated[str, typer.Argument(help="The key's id, as `musicgen keys` lists it.")],
    url: Url = DEFAULT_URL,
    json: Json = False,
) -> None:
    """End a key, at once."""
    with connect(url) as client:
        client.revoke_api_key(key_id)
    if json:
        output.document({"revoked": key_id})
    else:
        output.line(f"Revoked {key_id}.")
