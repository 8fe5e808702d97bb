"""Where the children's lines go: whole into `<home>/logs/<name>.log`, the few that matter to the terminal."""

from __future__ import annotations

import contextlib
import json
import re
import sys
import time
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TextIO

from services.shared.terminal import shown_in_line, shown_in_lines

_LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40, "critical": 50}
_COLOURS = (36, 32, 33, 35, 34, 96, 92, 93, 95, 94)
_LEVEL_COLOURS = {30: "\033[33m", 40: "\033[31m", 50: "\033[31m"}
_PLAIN_KEYS = {"event", "level", "timestamp", "logger", "service", "exception", "trace_id", "span_id"}
_POSTGRES_LEVELS = {"FATAL": 40, "PANIC": 50}
_POSTGRES_LINE = re.compile(r"(?:\S+ )?(LOG|NOTICE|WARNING|ERROR|FATAL|PANIC|DETAIL|HINT|STATEMENT|CONTEXT):\s+(.*)")
_FILE_BYTES = 10 << 20
_OLD_FILES = 3
TAIL_LINES = 12
_LAST_WORDS = 3


class LogFile:
    """An appended file that is rolled over when it gets large and keeps three old ones (`.1` is the newest).

    A full disk loses lines, never work.
    """

    def __init__(self, path: Path, limit_bytes: int = _FILE_BYTES) -> None:
        self._path = path
        self._limit_bytes = limit_bytes
        self._file: TextIO | None = None
        self._size = 0

    def write(self, line: str) -> None:
        """Append one line."""
        with contextlib.suppress(OSError):
            if self._file is None:
                self._file = self._path.open("a", encoding="utf-8", errors="replace")
                self._size = self._path.stat().st_size
            if self._size >= self._limit_bytes:
                self._roll_over()
                return self.write(line)
            self._size += self._file.write(line + "\n")
            self._file.flush()
        return None

    def _roll_over(self) -> None:
        self.close()
        for number in range(_OLD_FILES, 0, -1):
            older = self._path.with_name(f"{self._path.name}.{number}")
            newer = self._path if number == 1 else self._path.with_name(f"{self._path.name}.{number - 1}")
            if newer.exists():
                newer.replace(older)

    def close(self) -> None:
        """Close the file; nothing is lost, every line was flushed."""
        if self._file is not None:
            with contextlib.suppress(OSError):
                self._file.close()
            self._file = None


class Console:
    """The terminal: prefixed, coloured where it is one, quiet below a level."""

    def __init__(self, level: str = "warning", stream: TextIO | None = None) -> None:
        self.stream = stream or sys.stdout
        self._threshold = _LEVELS[level]
        self._colour = self.stream.isatty()
        self._colours: dict[str, int] = {}

    def say(self, text: str = "") -> None:
        """Print what is meant for the person, whatever the level."""
        with contextlib.suppress(OSError, ValueError):
            print(text, file=self.stream, flush=True)

    def shows(self, level: int) -> bool:
        """Whether lines of this level are important enough."""
        return level >= self._threshold

    def log(self, name: str, level: int, text: str) -> None:
        """Print a line of a process, if it is important enough."""
        if not self.shows(level):
            return
        text = shown_in_lines(text)
        clock = time.strftime("%H:%M:%S")
        if not self._colour:
            self.say(f"{clock} {name:<20} {text}")
            return
        colour = self._colours.setdefault(name, _COLOURS[len(self._colours) % len(_COLOURS)])
        self.say(f"\033[2m{clock}\033[0m \033[{colour}m{name:<20}\033[0m {_LEVEL_COLOURS.get(level, '')}{text}\033[0m")


def parse(line: str) -> tuple[int, str, Mapping[str, Any]]:
    """A child's line → (level, text for people, fields). PostgreSQL's words count, anything else is `info`."""
    if line.startswith("{"):
        try:
            fields = json.loads(line)
        except ValueError:
            fields = None
        if isinstance(fields, dict):
            level = _LEVELS.get(str(fields.get("level", "info")).lower(), 20)
            extras = " ".join(f"{key}={value}" for key, value in fields.items() if key not in _PLAIN_KEYS)
            # One line, whatever a stranger asked for: the next one would pass for another process's.
            text = shown_in_line(f"{fields.get('event', '')} {extras}".strip())
            if fields.get("exception"):
                text += "\n" + str(fields["exception"])
            return level, text, fields
    if match := _POSTGRES_LINE.match(line):
        return _POSTGRES_LEVELS.get(match[1], 20), match[2], {}
    return 20, line, {}


class LogSink:
    """Takes one child's lines and keeps the last few of each run for the moment when it dies."""

    def __init__(self, name: str, folder: Path, console: Console) -> None:
        self._name = name
        self._console = console
        self._file = LogFile(folder / f"{name}.log")
        self.path = folder / f"{name}.log"
        self.tail: deque[str] = deque(maxlen=TAIL_LINES)
        self._unseen: deque[str] = deque(maxlen=TAIL_LINES)
        self.quiet = False

    def begin_run(self) -> None:
        """Forget the last words of the run before."""
        self.tail.clear()
        self._unseen.clear()

    def show_unseen(self, level: int) -> None:
        """Show the last lines that were not important enough while nobody knew how this would end."""
        for text in list(self._unseen)[-_LAST_WORDS:]:
            self._console.log(self._name, level, text)
        self._unseen.clear()

    def take(self, line: str) -> Mapping[str, Any]:
        """Store and maybe show a line; return its fields (empty when it is no JSON)."""
        if not line:
            return {}
        self._file.write(line)
        level, text, fields = parse(line)
        self.tail.append(text)
        if self.quiet or not self._console.shows(level):
            self._unseen.append(text)
        else:
            self._console.log(self._name, level, text)
        return fields

    def close(self) -> None:
        """Close the file."""
        self._file.close()
