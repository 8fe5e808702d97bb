"""Options that several commands share."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeAlias, TypeVar

import typer

if TYPE_CHECKING:
    from musicgen_client.calls.call import Call
    from musicgen_client.client import Client
    from musicgen_client.models import Page

ItemT = TypeVar("ItemT")

DEFAULT_URL = "http://127.0.0.1:8000"

Url: TypeAlias = Annotated[str, typer.Option("--url", envvar="MUSICGEN_URL", help="The server's address.")]
Json: TypeAlias = Annotated[bool, typer.Option("--json", help="Answer with one JSON document on stdout.")]
Limit: TypeAlias = Annotated[int, typer.Option("--limit", min=1, max=100, help="How many, at most.")]
Cursor: TypeAlias = Annotated[str | None, typer.Option("--cursor", help="Go on from the end of an earlier list.")]
Everything: TypeAlias = Annotated[bool, typer.Option("--all", help="All of them, whatever --limit says.")]
Output: TypeAlias = Annotated[
    Path | None, typer.Option("--output", "-o", help="Where the song goes; its ending says the format.")
]
Stems: TypeAlias = Annotated[Path | None, typer.Option("--stems", help="Also fetch the stems, into this folder.")]
Midi: TypeAlias = Annotated[Path | None, typer.Option("--midi", help="Also fetch the MIDI file.")]


def connect(url: str) -> Client:
    """A client of the server, signed in as whoever signed in last, or by MUSICGEN_API_KEY."""
    import os

    from musicgen_client.client import Client
    from musicgen_client.tokens import FileTokenStore

    return Client(url, tokens=FileTokenStore(url), api_key=os.environ.get("MUSICGEN_API_KEY"))


def listed(client: Client, call: Call[Page[ItemT]], *, everything: bool) -> Page[ItemT]:
    """The page that a call asks for; with `everything` also what is on all that follow, as one page."""
    from musicgen_client.models import Page
    from musicgen_client.paging import MOST_PER_PAGE

    if not everything:
        return client.send(call)
    call = replace(call, params={**call.params, "limit": str(MOST_PER_PAGE)})
    return Page(items=list(client.iterate(call)), next_cursor=None)
