"""Migrations are one line of numbered files: two that were written at once must not both be applied."""

import re
from pathlib import Path

from services.user_management import migrate

VERSIONS = Path(migrate.__file__).parent / "migrations" / "versions"


def test_every_migration_follows_the_one_before() -> None:
    found = []
    for path in sorted(VERSIONS.glob("[0-9]*.py")):
        text = path.read_text()
        revision = re.search(r'^revision = "(\d{4})"$', text, re.MULTILINE)
        before = re.search(r'^down_revision = (?:"(\d{4})"|None)$', text, re.MULTILINE)
        assert revision is not None, path.name
        assert before is not None, path.name
        found.append((path.name[:4], revision[1], before[1]))
    numbers = [f"{number:04}" for number in range(1, len(found) + 1)]
    assert found == list(zip(numbers, numbers, [None, *numbers[:-1]], strict=True))
