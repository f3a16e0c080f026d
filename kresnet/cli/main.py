"""The `kresnet` command: verbs, and the one place where errors become messages and exit statuses."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Sequence
from functools import cache
from importlib import import_module

import typer
from typer.exceptions import Abort, TyperException

from kresnet import native_messages, terminal
from kresnet.cli import completion
from kresnet.cli.common import log_error, print_json
from kresnet.cli.remedies import adapt_remedies
from kresnet.errors import KresnetError, Problem
from kresnet.python_processes import drop_keras_settings
from kresnet.version import __version__

#: The module of `kresnet.cli` that each verb is in, in the order of the help.
VERBS = {
    **dict.fromkeys(("plan", "specs", "diff", "schema"), "describe"),
    **{verb: verb for verb in ("edit", "scale", "data", "prepare", "build")},
    **dict.fromkeys(("fit", "runs", "evaluate"), "train"),
    **{verb: verb for verb in ("calibrate", "predict", "search", "study")},
    **dict.fromkeys(("report", "compare"), "report"),
    "watch": "watch",
    **{verb: verb for verb in ("weights", "kernels", "convert", "export", "push", "explain", "check", "serve")},
}


def make_command_line(verb: str = "") -> typer.Typer:
    """Return `kresnet` with its verbs; with those of one module, if a verb is given, since importing all takes time."""
    app = typer.Typer(
        name="kresnet",
        help="Residual networks from a declarative spec: plan, build, fit, export, served.",
        add_completion=True,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_options)
    for module in [VERBS[verb]] if verb else dict.fromkeys(VERBS.values()):
        import_module(f"kresnet.cli.{module}").register(app)
    return app


command_line = cache(make_command_line)


def _verb(words: Sequence[str]) -> str:
    """Return the verb that a command line begins with; empty where there is none."""
    first = next((word for word in words if not word.startswith("-")), "")
    return first if first in VERBS else ""


def _print_version(wanted: bool) -> None:
    """Print the version and end, if `--version` was given."""
    if wanted:
        print(f"kresnet {__version__}")
        raise typer.Exit


def _options(
    debug: bool = typer.Option(False, "--debug", help="Show the traceback of an error, of any verb."),
    version: bool = typer.Option(False, "--version", callback=_print_version, is_eager=True, help="Print the version."),
) -> None:
    """Options before a verb."""


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and exit: 0; 1 a check or a run failed; 2 bad input."""
    drop_keras_settings()
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")  # whose search reads about every package
    arguments = sys.argv[1:] if arguments is None else arguments
    debug = "--debug" in arguments
    if not debug:
        native_messages.keep_apart()
    terminal.set_up(sys.stdout, sys.stderr)
    arguments = [argument for argument in arguments if argument != "--debug"] or ["--help"]
    app = command_line(_verb(completion.typed_words() or arguments))
    completion.prepare(app)
    try:
        status = app(arguments, standalone_mode=False, prog_name="kresnet")
    except KresnetError as error:
        if debug:
            traceback.print_exc()
        status = _report_error(error, app, arguments)
    except TyperException as error:
        status = _report_error(_usage_error(error), app, arguments)
    except (Abort, KeyboardInterrupt):
        status = _report_error(KresnetError(Problem("interrupted", "Stopped.")), app, [])
    except BrokenPipeError:
        sys.stderr.close()
        status = 0
    except Exception as error:
        if debug:
            raise
        status = _report_error(_internal_error(error), app, arguments)
    sys.exit(status if isinstance(status, int) else 0)


def _usage_error(error: TyperException) -> KresnetError:
    """Return what typer found wrong with the arguments as a problem with the code `bad_option`."""
    context = getattr(error, "ctx", None)
    remedy = f"{context.command_path} --help" if context else "kresnet --help"
    return KresnetError(Problem("bad_option", error.format_message(), remedy=remedy))


def _internal_error(error: Exception) -> KresnetError:
    """Return an exception that kresnet did not raise on purpose as a problem of its own."""
    if isinstance(error, OSError) and error.filename is not None:  # a name too long, links in a circle, no permission
        message = f"{str(error.filename)[:200]} cannot be used: {error.strerror}."
        return KresnetError(Problem("file_unreadable", message))
    text = str(error).strip().splitlines()
    message = f"kresnet met an error that it does not know: {type(error).__name__}: {text[0] if text else ''}"
    return KresnetError(Problem("internal", message, remedy="the same command with --debug shows where"))


def _report_error(error: KresnetError, app: typer.Typer, arguments: Sequence[str]) -> int:
    """Print the problems, on stdout too where JSON is wanted; return the exit status."""
    error = adapt_remedies(error, typer.main.get_command(app), arguments)
    if "--json" in arguments:
        print_json({"problems": [problem.as_dict() for problem in error.problems]})
    log_error(error)
    return error.status
