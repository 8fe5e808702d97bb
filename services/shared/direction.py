"""Characters that turn the direction of what stands around them, and hide what is written (Unicode TR 36 §3.2)."""

from __future__ import annotations

import re
from typing import Final

CHARACTERS: Final = "\u200e\u200f\u202a-\u202e\u2066-\u2069"
"""As they stand in a regular expression's set."""

TURNING: Final = re.compile(f"[{CHARACTERS}]")
"""One of them."""
