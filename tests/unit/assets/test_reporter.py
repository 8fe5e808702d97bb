import io

from services.shared.assets.reporter import Reporter
from services.shared.assets.store import AssetProgress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def report(stream: io.StringIO) -> str:
    reporter = Reporter(stream)
    for done in range(101):
        reporter(AssetProgress("thing", "downloading", done * 10_000, 1_000_000))
    reporter(AssetProgress("thing", "done", 1_000_000, 1_000_000))
    return stream.getvalue()


def test_a_log_gets_a_line_for_each_quarter() -> None:
    lines = report(io.StringIO()).splitlines()
    assert [line.split("downloading ")[1].split(" of")[0] for line in lines[:-1]] == ["0.0", "0.2", "0.5", "0.8", "1.0"]
    assert "done 1.0 of 1.0 MB" in lines[-1]


def test_a_terminal_gets_one_line_that_moves() -> None:
    text = report(Terminal())
    assert text.count("\n") == 1
    assert text.count("\r") > 50


def test_unknown_size_is_left_out() -> None:
    stream = io.StringIO()
    Reporter(stream)(AssetProgress("thing", "downloading", 2_000_000, None))
    assert stream.getvalue().startswith("  thing: downloading 2.0 MB")
