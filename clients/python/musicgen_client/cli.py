"""The `musicgen` command. Heavy imports wait inside the commands, so that `--help` is quick."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence

import typer

from musicgen_client.commands import (
    account,
    collecting,
    keys,
    library,
    making,
    mixes,
    models,
    people,
    pictures,
    shaping,
    webhooks,
)
from musicgen_client.commands.output import shown
from musicgen_client.exit_codes import ExitCode, of_error

EPILOG = (
    "Exit codes: 0 done · 1 the job failed · 2 wrong usage · 3 not signed in · 4 not found · 5 refused · "
    "6 quota or rate limit · 7 server unreachable or faulty · 130 interrupted."
)

app = typer.Typer(
    name="musicgen",
    help="Words into finished music, from the command line.",
    epilog=EPILOG,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for commands in (
    making.app,
    models.app,
    shaping.app,
    mixes.app,
    library.app,
    collecting.app,
    people.app,
    pictures.app,
    account.app,
    keys.app,
    webhooks.app,
):
    app.registered_commands.extend(commands.registered_commands)
    app.registered_groups.extend(commands.registered_groups)


def run(arguments: Sequence[str]) -> int:
    """Run one command; an error becomes one line on stderr (with --json also a document on stdout) and an exit code."""
    try:
        code = app(args=list(arguments) or ["--help"], prog_name="musicgen", standalone_mode=False)
        sys.stdout.flush()
    except typer.Abort:
        return int(ExitCode.INTERRUPTED)
    except (BrokenPipeError, SystemExit):
        # Whoever read the output has gone (typer turns that into SystemExit): no reason to complain, now or at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return int(ExitCode.OK)
    except typer.TyperException as error:
        return _report(error.format_message(), arguments, ExitCode.USAGE)
    except Exception as error:
        from musicgen_client.errors import MusicGenError

        if not isinstance(error, MusicGenError | OSError):
            raise
        return _report(_sentence(error), arguments, of_error(error), error)
    return code if isinstance(code, int) else int(ExitCode.OK)


def _sentence(error: Exception) -> str:
    code = of_error(error)
    if code is ExitCode.NOT_SIGNED_IN:
        return f"{str(error).rstrip('.')}. Sign in with: musicgen login"
    if isinstance(error, OSError) and error.filename is not None:
        return f"cannot use {error.filename}: {error.strerror}"
    return str(error)


def _report(message: str, arguments: Sequence[str], code: ExitCode, error: Exception | None = None) -> int:
    line = " ".join(message.split())
    print(f"musicgen: {shown(line)}", file=sys.stderr)  # noqa: T201 — this is the program's output
    if "--json" in arguments:
        from musicgen_client.errors import ApiError

        document: dict[str, object] = {"message": line, "exit_code": int(code)}
        if isinstance(error, ApiError):
            document["problem"] = error.problem.model_dump(mode="json")
        print(json.dumps({"error": document}))  # noqa: T201
    return int(code)


def main() -> None:
    """Entry point of the console script."""
    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
