from pathlib import Path

from services.standalone.banner import banner, take_first_admin


def test_one_time_password_is_taken_once(tmp_path: Path) -> None:
    (tmp_path / "first_admin_password").write_text("s3cret\n")
    assert take_first_admin(tmp_path) == "s3cret"
    assert take_first_admin(tmp_path) == ""
    assert list(tmp_path.iterdir()) == []


def text(url: str = "http://127.0.0.1:8000", **changes: object) -> str:
    values = {
        "seconds": 4.2,
        "admin": "",
        "single_user": False,
        "command": "musicgen",
        "logs": Path("/logs"),
        **changes,
    }
    return banner(url, **values)  # type: ignore[arg-type]


def test_banner_names_the_address_the_password_and_the_next_command() -> None:
    said = text(admin="s3cret")
    assert "http://127.0.0.1:8000" in said
    assert said.count("s3cret") == 1
    assert "musicgen register" in said
    assert "musicgen generate" in said


def test_another_address_is_part_of_the_commands() -> None:
    assert "--url" not in text()
    assert text("http://127.0.0.1:18000").count("--url http://127.0.0.1:18000") == 2


def test_single_user_needs_no_account() -> None:
    said = text(single_user=True)
    assert "register" not in said
    assert "Administrator" not in said
