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
ALL_POINTS: Final = 20_000
"""As many as a request of 1 MiB can say at about 50 characters each."""
HELD_BYTES: Final = 1_500_000_000
"""What effects, their parameters and the clips that sound at once may hold in memory together."""
LONGEST_SECONDS: Final = 7_200.0
LONGEST_TAIL_SECONDS: Final = 30.0
SHORTEST_LOOP_SECONDS: Final = 0.01
ALL_CLIP_SECONDS: Final = TRACKS * LONGEST_SECONDS
"""All clips together: every track full from the first second to the last, without clips on top of one another."""
STRETCHED_SECONDS: Final = 7_200.0
"""All stretched and pitched clips together: they are made first and lie on the disk meanwhile."""
