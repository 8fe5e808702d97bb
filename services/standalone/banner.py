"""What a person reads when the platform serves: where it is, who administers it, what to type next."""

from __future__ import annotations

from pathlib import Path

# What the command line tool talks to when nobody says where.
CLIENT_DEFAULT_URL = "http://127.0.0.1:8000"
FIRST_ADMIN_FILE = "first_admin_password"


def take_first_admin(secrets_dir: Path) -> str:
    """What user_management left for the first administrator; the file is gone afterwards. Empty when there is none."""
    file = secrets_dir / FIRST_ADMIN_FILE
    try:
        text = file.read_text(encoding="utf-8").strip()
        file.unlink()
    except OSError:
        return ""
    return text


def banner(url: str, *, seconds: float, admin: str, single_user: bool, command: str, logs: Path) -> str:
    """The lines after a start. `command` is how the command line tool is called, `admin` may be empty."""
    where = "" if url == CLIENT_DEFAULT_URL else f" --url {url}"
    lines = ["", f"  Music Gen AI is ready ({seconds:.1f} s):  {url}", ""]
    if admin:
        lines += [f"  Administrator, shown only this once:  user admin, password {admin}", ""]
    lines.append("  Your first song, in another terminal:")
    if not single_user:
        lines.append(f"    {command} register{where}")
    lines += [
        f'    {command} generate "warm lo-fi piano for a rainy evening" --duration 30 -o song.wav{where}',
        "",
        f"  Logs: {logs}    Stop: Ctrl-C",
        "",
    ]
    return "\n".join(lines)
