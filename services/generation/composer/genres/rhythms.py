"""Rhythm cells for melodies, at sixteenths: "x" onset, "-" held, "." silent."""

from __future__ import annotations

CELLS: dict[str, tuple[tuple[str, int], ...]] = {
    "lyrical": (
        ("x---x---", 6),
        ("x-------", 3),
        ("x---x-x-", 6),
        ("x-x-x---", 4),
        ("x-----x-", 5),
        ("x-x-x-x-", 3),
        ("..x-x-x-", 2),
        ("....x-x-", 2),
    ),
    "syncopated": (
        ("x--x--x-", 6),
        ("x-x--x--", 4),
        ("..x-x---", 3),
        ("x--x----", 5),
        ("..x--x--", 3),
        ("x-x-x-x-", 2),
        ("x---..x-", 3),
        ("x-x-..x-", 3),
        ("....x--x", 1),
    ),
    "driving": (
        ("x-x-x-x-", 5),
        ("x---x-x-", 5),
        ("x-x-x---", 5),
        ("x--x--x-", 4),
        ("x-------", 2),
        ("x---x---", 4),
        ("..x-x-x-", 2),
    ),
    "swing": (
        ("x-x-x-x-", 6),
        ("x---x-x-", 5),
        ("x-x-x---", 4),
        ("..x-x-x-", 4),
        ("x-..x-x-", 3),
        ("..x-x---", 3),
        ("x-----x-", 4),
        ("......x-", 2),
        ("x-x-..x-", 3),
        ("x-------", 1),
    ),
    "sparse": (
        ("x-------", 7),
        ("....x---", 4),
        ("x---x---", 3),
        ("x-----x-", 3),
        ("........", 2),
        ("......x-", 2),
        ("x---x-x-", 1),
    ),
    "running": (
        ("x-x-x-x-", 5),
        ("x-xxx-x-", 3),
        ("xxx-x-x-", 2),
        ("x-x-xxx-", 3),
        ("x-x-x---", 3),
        ("x---x-x-", 3),
        ("xxxxx-x-", 1),
        ("..xxx-x-", 2),
    ),
    "funky": (
        ("x--xx-x-", 3),
        ("x-x-..xx", 2),
        ("..xx..x-", 3),
        ("x--x--x-", 4),
        ("x-......", 3),
        ("..x-x-..", 3),
        ("xx-x..x-", 2),
        ("x-x-x-..", 3),
        ("........", 1),
    ),
    "bebop": (
        ("x-x-x-x-", 8),
        ("..x-x-x-", 4),
        ("x-x-x---", 3),
        ("x-xxx-x-", 2),
        ("x-..x-x-", 2),
        ("........", 2),
    ),
    "hooky": (
        ("x-x-x---", 4),
        ("x--x--x-", 5),
        ("x---x---", 2),
        ("..x-x-x-", 3),
        ("x-x--x--", 4),
        ("x-----x-", 3),
        ("x-------", 2),
    ),
    "broad": (
        ("x-------", 6),
        ("x---x---", 6),
        ("x-----x-", 5),
        ("x---x-x-", 2),
        ("x-----xx", 1),
    ),
}
"""Families of two-beat cells with their weights."""

BEAT_CELLS: dict[str, tuple[tuple[str, int], ...]] = {
    "lyrical": (("x---", 6), ("x-x-", 4), ("..x-", 1)),
    "syncopated": (("x---", 3), ("x-x-", 4), ("..x-", 3), ("x--x", 2)),
    "driving": (("x-x-", 6), ("x---", 4)),
    "swing": (("x-x-", 5), ("x---", 4), ("..x-", 3)),
    "sparse": (("x---", 5), ("....", 3), ("..x-", 1)),
    "bebop": (("x-x-", 6), ("..x-", 2), ("....", 1)),
    "running": (("x-x-", 5), ("x-xx", 2), ("xxx-", 2)),
    "funky": (("x-x-", 3), ("..x-", 3), ("x..x", 2), ("....", 1)),
    "hooky": (("x-x-", 4), ("x---", 3), ("..x-", 2)),
    "broad": (("x---", 6), ("x-x-", 1)),
}
"""One-beat cells, for bars of three, five and seven."""

COMPOUND_CELLS: dict[str, tuple[tuple[str, int], ...]] = {
    "lyrical": (("x---x-", 6), ("x-x-x-", 4), ("x-----", 4), ("..x-x-", 2)),
    "sparse": (("x-----", 6), ("......", 2), ("x---x-", 3)),
    "running": (("x-x-x-", 6), ("x-xxx-", 2), ("x---x-", 3)),
    "broad": (("x-----", 6), ("x---x-", 4)),
}
"""Cells of a dotted quarter, for 6/8."""

CLOSERS: tuple[tuple[str, int], ...] = (
    ("x-----------....", 4),
    ("x---x-------....", 4),
    ("x-x-x-------....", 3),
    ("x-------........", 3),
    ("x---x---x---....", 2),
    ("x--------------.", 2),
)
"""How a phrase ends, over four beats: it comes to rest and breathes."""

SCHEMES: tuple[tuple[tuple[str, ...], int], ...] = (
    (("A", "A'", "B", "C"), 5),
    (("A", "B", "A", "C"), 4),
    (("A", "B", "A'", "C"), 4),
    (("A", "A", "A'", "C"), 2),
    (("A", "B", "B'", "C"), 2),
)
"""How the four bars of a phrase relate: A and B are motifs, ' varies one, C closes."""
