"""Levels that several processors of the mix agree on."""

from __future__ import annotations

STILL = 1e-7
"""What lies below this amplitude (−140 dBFS) has fallen silent: whoever holds no more may stop working."""
