import io
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.standalone.log_sink import Console, LogFile, LogSink, parse


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def line(**fields: object) -> str:
    return json.dumps({"level": "info", "service": "gateway", **fields})


def test_json_becomes_a_line_for_people_without_what_they_need_not_see() -> None:
    level, text, fields = parse(line(event="claimed", level="warning", job_id="j1", timestamp="now", trace_id="t"))
    assert (level, text) == (30, "claimed job_id=j1")
    assert fields["trace_id"] == "t"


def test_stack_trace_follows_its_line() -> None:
    assert parse(line(event="failed", level="error", exception="Traceback …\nValueError"))[1] == (
        "failed\nTraceback …\nValueError"
    )


@pytest.mark.parametrize(
    ("text", "level"),
    [
        ("LOG:  database system is ready", 20), ("ERROR:  duplicate key value", 20), ("FATAL:  no space left", 40),
        ("PANIC:  could not write", 50), ("Traceback (most recent call last):", 20), ("{broken", 20), ("[1, 2]", 20),
    ],
)  # fmt: skip
def test_other_programs_lines_count_by_their_own_words(text: str, level: int) -> None:
    assert parse(text)[0] == level


@given(st.text())
def test_no_line_breaks_the_parser(text: str) -> None:
    level, _, _ = parse(text)
    assert 10 <= level <= 50


def test_terminal_stays_quiet_while_the_file_has_everything(tmp_path: Path) -> None:
    out = io.StringIO()
    sink = LogSink("gateway", tmp_path, Console("warning", out))
    assert sink.take(line(event="request"))["event"] == "request"
    sink.take(line(event="slow", level="warning"))
    sink.take("")
    sink.close()
    assert "request" not in out.getvalue()
    assert "gateway" in out.getvalue()
    assert "slow" in out.getvalue()
    assert len((tmp_path / "gateway.log").read_text().splitlines()) == 2


def test_debug_shows_everything(tmp_path: Path) -> None:
    out = io.StringIO()
    LogSink("gateway", tmp_path, Console("debug", out)).take(line(event="request", level="debug"))
    assert "request" in out.getvalue()


def test_last_words_are_shown_once_when_the_child_dies(tmp_path: Path) -> None:
    out = io.StringIO()
    sink = LogSink("worker", tmp_path, Console("warning", out))
    sink.begin_run()
    for number in range(10):
        sink.take(f"step {number}")
    sink.take(line(event="seen already", level="error"))
    sink.show_unseen(30)
    sink.show_unseen(30)
    assert out.getvalue().count("step") == 3
    assert out.getvalue().count("seen already") == 1
    assert list(sink.tail)[-1] == "seen already"
    sink.begin_run()
    assert not sink.tail


def test_stopping_child_is_not_heard(tmp_path: Path) -> None:
    out = io.StringIO()
    sink = LogSink("worker", tmp_path, Console("debug", out))
    sink.quiet = True
    sink.take(line(event="connection lost", level="error"))
    assert out.getvalue() == ""


def test_names_have_colours_on_a_terminal_only() -> None:
    terminal, pipe = Terminal(), io.StringIO()
    for stream in (terminal, pipe):
        console = Console("info", stream)
        console.log("gateway", 40, "lost")
        console.log("processing", 20, "fine")
    assert "\033[31m" in terminal.getvalue()
    assert "\033[" not in pipe.getvalue()


def test_what_strangers_asked_for_neither_acts_on_the_terminal_nor_begins_a_line(tmp_path: Path) -> None:
    out = io.StringIO()
    sink = LogSink("gateway", tmp_path, Console("info", out))
    hostile = "/\x1b]0;pwned\x07\x9b2J\r\n12:00:00 user_management  all is well\u2028\u202e"
    sink.take(line(event="request", path=hostile))
    sink.take(f"LOG:  {hostile.replace(chr(10), '')}")
    sink.take(line(event="failed", level="error", exception="Traceback …\nValueError: \x1b[2J"))
    assert not any(character in out.getvalue() for character in "\x1b\x07\x9b\r\u2028\u202e")
    assert "pwned" in out.getvalue()
    assert len(out.getvalue().splitlines()) == 5, "three lines, one of them with two of its traceback"


def test_closed_terminal_stops_nothing() -> None:
    stream = io.StringIO()
    console = Console("info", stream)
    stream.close()
    console.say("still here")


def test_file_is_rolled_over_and_three_old_ones_are_kept(tmp_path: Path) -> None:
    file = LogFile(tmp_path / "a.log", limit_bytes=100)
    for number in range(60):
        file.write(f"{number:09d}")
    file.close()
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["a.log", "a.log.1", "a.log.2", "a.log.3"]
    kept = "".join((tmp_path / name).read_text() for name in ("a.log.3", "a.log.2", "a.log.1", "a.log"))
    numbers = [int(text) for text in kept.split()]
    assert numbers == list(range(numbers[0], 60))
    assert all((tmp_path / name).stat().st_size <= 110 for name in names)


def test_file_of_an_earlier_run_is_continued(tmp_path: Path) -> None:
    for text in ("first", "second"):
        file = LogFile(tmp_path / "a.log")
        file.write(text)
        file.close()
    assert (tmp_path / "a.log").read_text() == "first\nsecond\n"


def test_log_that_cannot_be_written_stops_nothing(tmp_path: Path) -> None:
    file = LogFile(tmp_path / "missing" / "a.log")
    file.write("lost")
    file.close()
