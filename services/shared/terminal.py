"""Strangers' texts on an operator's terminal: none moves the cursor, or begins a line of its own (CWE-150)."""

from __future__ import annotations

import re
from typing import Final

# Control characters, with which escape sequences begin (ECMA-48), all that ends lines, what turns the direction of
# writing (Unicode TR 36 §3.2), and halves of characters.
_ACTIVE: Final = re.compile("[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
_ACTIVE_IN_TEXT: Final = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def shown_in_line(text: str) -> str:
    """The text with what acts on a terminal written as an escape of Python's."""
    return _ACTIVE.sub(_escaped, text)


def shown_in_lines(text: str) -> str:
    """The same for a text of our own making that has several lines, such as a traceback."""
    return _ACTIVE_IN_TEXT.sub(_escaped, text)


def _escaped(match: re.Match[str]) -> str:
    return match[0].encode("unicode_escape").decode("ascii")
