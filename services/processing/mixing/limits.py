"""How large a session may be."""

from __future__ import annotations

from typing import Final

TRACKS: Final = 64
BUSES: Final = 32
EFFECTS: Final = 16
SENDS: Final = 16
CLIPS: Final = 64
ALL_CLIPS: Final = 512
LANES: Final = 64
POINTS: Final = 4_096
ALL_POINTS: Final = 100_000
EFFECT_BYTES: Final = 1_500_000_000
"""What all effects together may hold in memory: some hundred long reverbs, or thousands of anything else."""
LONGEST_SECONDS: Final = 7_200.0
LONGEST_TAIL_SECONDS: Final = 30.0
STRETCHED_SECONDS: Final = 7_200.0
"""All stretched and pitched clips together: they are made first and lie on the disk meanwhile."""
