"""How commands answer: a JSON document, a table, or a line."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pydantic import BaseModel

    from musicgen_client.models import Page


# Escape sequences begin with them, and they turn the direction of writing: titles and comments are strangers' texts.
_ACTIVE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]")


def shown(text: str) -> str:
    """The text with what would act on a terminal written as JSON writes it."""
    return _ACTIVE.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def document(value: BaseModel | dict[str, Any] | list[Any]) -> None:
    """Print the one JSON document of a command."""
    print(shown(json.dumps(_plain(value), indent=2, ensure_ascii=False)))  # noqa: T201 — this is the program's output


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return value.model_dump(mode="json") if hasattr(value, "model_dump") else value


def line(text: str) -> None:
    """Print one line of an answer."""
    print(shown(text))  # noqa: T201


def note(text: str) -> None:
    """Print one line that is not part of the answer."""
    print(shown(text), file=sys.stderr)  # noqa: T201


def table(columns: Sequence[str], rows: Sequence[Sequence[object]], empty: str) -> None:
    """Print a table; without a terminal, lines of tab-separated values."""
    if not rows:
        note(empty)
    elif sys.stdout.isatty():
        from rich.console import Console
        from rich.table import Table
        from rich.text import Text

        drawn = Table(*columns, box=None, pad_edge=False, header_style="bold")
        for row in rows:
            drawn.add_row(*(Text(_cell(cell)) for cell in row))
        Console().print(drawn)
    else:
        for row in rows:
            line("\t".join(_cell(cell) for cell in row))


def page(
    found: Page[Any], columns: Sequence[str], rows: Sequence[Sequence[object]], empty: str, *, as_document: bool
) -> None:
    """Print a page of a list: its document, or a table of it and how to go on."""
    if as_document:
        document(found)
        return
    table(columns, rows, empty)
    more(found.next_cursor)


def more(cursor: str | None) -> None:
    """Say how to go on with a list that is longer than its page."""
    if cursor:
        note(f"more: --cursor {cursor}")


def _cell(value: object) -> str:
    return "" if value is None else shown(" ".join(str(value).split()))


def clock(seconds: float) -> str:
    """Seconds as `m:ss`."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02d}"


def when(time: datetime | None) -> str:
    """A moment in local time, to the minute."""
    return "" if time is None else time.astimezone().strftime("%Y-%m-%d %H:%M")
