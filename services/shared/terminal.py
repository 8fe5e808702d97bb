"""Strangers' texts on an operator's terminal: none moves the cursor, or begins a line of its own (CWE-150)."""

from __future__ import annotations

import re
from typing import Final

from services.shared import direction

# Control characters, with which escape sequences begin (ECMA-48), all that ends lines, what turns the direction of
# writing, and halves of characters.
_ALWAYS: Final = f"\x0b-\x1f\x7f-\x9f\u2028\u2029{direction.CHARACTERS}\ud800-\udfff"
_ACTIVE: Final = re.compile(f"[\x00-\x0a{_ALWAYS}]")
_ACTIVE_IN_TEXT: Final = re.compile(f"[\x00-\x08{_ALWAYS}]")


def shown_in_line(text: str) -> str:
    """The text with what acts on a terminal written as an escape of Python's."""
    return _ACTIVE.sub(_escaped, text)


def shown_in_lines(text: str) -> str:
    """The same for a text of our own making that has several lines, such as a traceback."""
    return _ACTIVE_IN_TEXT.sub(_escaped, text)


def _escaped(match: re.Match[str]) -> str:
    return match[0].encode("unicode_escape").decode("ascii")
