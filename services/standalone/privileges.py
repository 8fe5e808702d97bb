"""How a server that refuses to run as root, or as a user without a name, is started by one.

Three ways, in this order: an ordinary user just runs it; root maps itself to `nobody` in a user namespace (files stay
root's own, so it works below a 0700 home); where namespaces are forbidden, root really becomes `nobody`, which needs a
reachable path.
"""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from services.standalone.errors import StandaloneError

NOBODY = 65534


@dataclass(frozen=True, slots=True)
class Identity:
    """Who runs a server: `prefix` goes before its command, `user` is the uid (and gid) to become, None to stay."""

    prefix: tuple[str, ...] = ()
    user: int | None = None

    def popen_options(self) -> dict[str, object]:
        """Keyword arguments for `subprocess.Popen` and `asyncio.create_subprocess_exec`."""
        return {} if self.user is None else {"user": self.user, "group": self.user, "extra_groups": []}

    def own(self, folder: Path) -> None:
        """Give `folder` and all below it to this identity; nothing to do unless the uid changes."""
        if self.user is None:
            return
        os.chown(folder, self.user, self.user)
        for parent, folders, files in os.walk(folder):
            for name in (*folders, *files):
                os.chown(Path(parent) / name, self.user, self.user, follow_symlinks=False)


def _can_use(identity: Identity, binary: Path, folder: Path) -> bool:
    """Whether a process of this identity can execute `binary` and write into `folder`."""
    script = '"$0" --version && test -w "$1" && test -x "$1"'
    try:
        identity.own(folder)
        return not subprocess.run(
            [*identity.prefix, "/bin/sh", "-c", script, str(binary), str(folder)],
            capture_output=True,
            timeout=20,
            check=False,
            **identity.popen_options(),  # type: ignore[call-overload]
        ).returncode
    except (OSError, subprocess.SubprocessError):
        return False


def _has_name(uid: int) -> bool:
    """Whether the system knows the user; initdb refuses to work for one that it does not (containers make such up)."""
    try:
        pwd.getpwuid(uid)
    except KeyError:
        return False
    return True


def unprivileged_identity(binary: Path, folder: Path) -> Identity:
    """The identity under which `binary` can run on the data in `folder` without being root.

    Raises `StandaloneError` when root has no way to drop its rights there.
    """
    if os.geteuid() != 0 and _has_name(os.geteuid()):
        return Identity()
    unshare = shutil.which("unshare")
    candidates = [Identity(user=NOBODY)]
    if unshare:
        mapped = (unshare, "--user", f"--map-user={NOBODY}", f"--map-group={NOBODY}")
        candidates.insert(0, Identity(prefix=mapped))
    for candidate in candidates:
        if _can_use(candidate, binary, folder):
            return candidate
    raise StandaloneError(
        f"PostgreSQL refuses to run as this user, and user {NOBODY} cannot reach {folder} or {binary}: start as an "
        "ordinary user, or keep the checkout and MUSICGEN_HOME in folders that others may enter (chmod o+x)."
    )
