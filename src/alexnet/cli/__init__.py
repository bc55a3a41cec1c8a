"""The command line: one file per family of verbs; each parses, calls and prints.

Heavy imports stand inside the verbs, so that `alexnet explain` answers at once.
"""

from __future__ import annotations

import difflib
import io
import sys
from importlib.metadata import PackageNotFoundError, version
from typing import Annotated

import typer

from alexnet import terminal
from alexnet.cli import (
    account,
    bench,
    convert,
    draw,
    explore,
    features,
    judge,
    learn,
    numbers,
    plan,
    prepare,
)

app = typer.Typer(
    name="alexnet",
    help="The 2012 ImageNet network: build it, train it, account for every number, look at it.",
    epilog="Example:  alexnet explain paper",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(asked: bool) -> None:
    if asked:
        try:
            terminal.say(version("alexnet"))
        except PackageNotFoundError:
            terminal.say("not installed; running from its source")
        raise typer.Exit


@app.callback()
def options(
    debug: Annotated[bool, typer.Option("--debug", help="Show a traceback on errors.")] = False,
    show_version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    """The 2012 ImageNet network: build it, train it, account for every number, look at it."""


account.add(app)
numbers.add(app)
prepare.add(app)
learn.add(app)
judge.add(app)
features.add(app)
draw.add(app)
convert.add(app)
bench.add(app)
plan.add(app)
explore.add(app)


def run(arguments: list[str] | None = None) -> None:
    """Runs the command line on `arguments`, the process's own by default, and leaves the process.

    A person's mistake (any ValueError) is one `error:` and one `try:` line and exit status 2; with
    --debug the traceback too.
    """
    words = sys.argv[1:] if arguments is None else arguments
    given = [word for word in words if word != "--debug"]
    _write_what_the_stream_can()
    try:
        status = app(args=given, prog_name="alexnet", standalone_mode=False)
    except typer.TyperException as mistake:
        message = mistake.format_message()
        if message:  # without a verb the help was the answer
            terminal.error(_usage(message, given), _help(given))
        raise SystemExit(2 if message else 0) from None
    except typer.Abort:
        raise SystemExit(130) from None
    except BrokenPipeError:
        raise SystemExit(1) from None
    except (ValueError, OSError) as mistake:
        if "--debug" in words:
            raise
        terminal.error(_sentence(mistake), getattr(mistake, "remedy", "") or _help(given))
        raise SystemExit(2) from None
    except KeyboardInterrupt:
        raise SystemExit(130) from None
    raise SystemExit(status if isinstance(status, int) else 0)


def _write_what_the_stream_can() -> None:
    """Where the output's encoding has no '→' or '·', a '?' stands for it."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def _verbs() -> list[str]:
    groups = [group.typer_instance for group in app.registered_groups]
    named = [*app.registered_commands, *(group.info for group in groups if group)]
    return [each.name for each in named if isinstance(each.name, str)]


def _usage(message: str, given: list[str]) -> str:
    """Adds the nearest verb where the verb is unknown."""
    if "No such command" in message:
        words = [word for word in given if not word.startswith("-")][:2]
        drawing = words[0] == "draw"
        said, known = words[drawing], list(draw.FIGURES) if drawing else _verbs()
        before = "draw " if drawing else ""
        close = difflib.get_close_matches(said, known, n=1)
        hint = f"; did you mean '{before}{close[0]}'?" if close else ""
        return f"no command is called '{before}{said}'{hint}"
    return message[:1].lower() + message[1:]


def _help(given: list[str]) -> str:
    first = next((word for word in given if not word.startswith("-")), None)
    verb = first if first in _verbs() else None
    if verb == "draw":
        figures = [word for word in given if word in draw.FIGURES]
        verb = " ".join([verb, *figures[:1]])
    return f"alexnet {verb} --help" if verb else "alexnet --help"


def _sentence(mistake: Exception) -> str:
    if isinstance(mistake, OSError) and mistake.strerror:
        place = f"{mistake.filename}: " if mistake.filename else ""
        return f"{place}{mistake.strerror.lower()}"
    return str(mistake) or type(mistake).__name__
