"""The whole platform on one machine: `python -m services.standalone`.

Starts PostgreSQL, Valkey and every service, waits until they serve, says where to go, and stays until Ctrl-C or
SIGTERM.
"""

from __future__ import annotations

import asyncio
import sys

from services.standalone.errors import StandaloneError
from services.standalone.instance import run
from services.standalone.log_sink import Console
from services.standalone.settings import StandaloneSettings

_PYTHON = (3, 11)


def main() -> int:
    """Run until asked to stop. 0 after a stop that was asked for, 1 with a line that says why otherwise."""
    if sys.version_info[:2] != _PYTHON:
        wanted = ".".join(map(str, _PYTHON))
        sys.stderr.write(f"Python {wanted} is needed, this is {sys.version.split()[0]}: start it with `make run`.\n")
        return 1
    try:
        settings = StandaloneSettings.load()
        return asyncio.run(run(settings, Console(settings.log)))
    except StandaloneError as error:
        sys.stderr.write(f"\n{error}\n")
        return 1
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    raise SystemExit(main())
