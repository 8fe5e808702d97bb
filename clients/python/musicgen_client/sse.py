"""Server-sent events (WHATWG HTML, "server-sent events"): a parser, and what to remember over reconnections."""

from __future__ import annotations

import codecs
import json
from typing import Final

from musicgen_client.models import JobEvent

MOST_FAILURES: Final = 8
LONGEST_PAUSE_SECONDS: Final = 5.0


class EventParser:
    """Turns the bytes of one connection into events. Incomplete ones at its end are dropped, as the standard says."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8-sig")(errors="replace")
        self._text = ""
        self._type = ""
        self._data: list[str] = []
        self._id = ""
        self._after_return = False

    def feed(self, data: bytes) -> list[JobEvent]:
        """The events that these bytes complete."""
        self._text += self._decoder.decode(data)
        events = []
        while (line := self._next_line()) is not None:
            event = self._take_line(line)
            if event is not None:
                events.append(event)
        return events

    def _next_line(self) -> str | None:
        if self._after_return and self._text:
            self._text = self._text.removeprefix("\n")  # the second half of a line end that was cut in two
            self._after_return = False
        ends = [position for position in (self._text.find("\n"), self._text.find("\r")) if position >= 0]
        if not ends:
            return None
        end = min(ends)
        line, rest = self._text[:end], self._text[end:]
        self._after_return = rest == "\r"
        self._text = rest[2:] if rest.startswith("\r\n") else rest[1:]
        return line

    def _take_line(self, line: str) -> JobEvent | None:
        if not line:
            return self._dispatch()
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "event":
            self._type = value
        elif name == "data":
            self._data.append(value)
        elif name == "id" and "\0" not in value:
            self._id = value
        return None

    def _dispatch(self) -> JobEvent | None:
        kind, data = self._type or "message", "\n".join(self._data)
        had_data = bool(self._data)
        self._type, self._data = "", []
        if not had_data:
            return None
        try:
            document = json.loads(data)
        except ValueError:
            document = {"text": data}
        return JobEvent(id=self._id, type=kind, data=document if isinstance(document, dict) else {"value": document})


class EventFeed:
    """What is remembered while a job is followed over several connections."""

    def __init__(self, last_event_id: str | None = None) -> None:
        self.last_event_id = last_event_id
        self.ended = False
        self._failures = 0
        self._parser = EventParser()

    def connect(self) -> dict[str, str]:
        """The headers of the next connection."""
        self._parser = EventParser()
        headers = {"Accept": "text/event-stream", "Cache-Control": "no-store"}
        return {**headers, "Last-Event-ID": self.last_event_id} if self.last_event_id else headers

    def take(self, data: bytes) -> list[JobEvent]:
        """The events that arrived; `ended` is set by the last of the job."""
        events = self._parser.feed(data)
        if events:
            self._failures = 0
            self.last_event_id = events[-1].id or self.last_event_id
            self.ended = any(event.last for event in events)
        return events

    def dropped(self) -> float | None:
        """The connection ended before the job: seconds to wait before the next, None after too many failures."""
        self._failures += 1
        if self._failures > MOST_FAILURES:
            return None
        return float(min(LONGEST_PAUSE_SECONDS, 0.1 * 2**self._failures))
