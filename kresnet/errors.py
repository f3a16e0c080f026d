"""What can go wrong, as values: a stable code, the place, and what to type instead.

Every problem a user can meet is a `Problem`; `KresnetError` carries one or more of them to the command line,
which prints them and exits with the status that the code states. `docs/errors.md` explains each code with an
example, and a test holds the two lists equal.
"""

from __future__ import annotations

import difflib
import shlex
import sysconfig
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from traceback import extract_tb, format_list

BAD_INPUT, RUN_FAILED = 2, 1
#: EX_TEMPFAIL of sysexits.h, "try again later": what a scheduler takes for a run to queue again, and not for a failure.
TO_BE_CONTINUED = 75

#: Told at once. Nobody mends more in one go, and a hostile document could make a hundred thousand.
MOST_PROBLEMS = 100
#: Lines of one problem, and problems of one kind without a place in a document, that a message shows.
MOST_LISTED = 10

#: code -> exit status. 2: the user can mend the input; 1: a check or a run failed; 75: the same again goes on.
CODES: dict[str, int] = {
    # Documents (specs, recipes and studies)
    "file_missing": BAD_INPUT,
    "file_unreadable": BAD_INPUT,
    "document_too_large": BAD_INPUT,
    "syntax": BAD_INPUT,
    "duplicate_key": BAD_INPUT,
    "unknown_field": BAD_INPUT,
    "missing_field": BAD_INPUT,
    "wrong_type": BAD_INPUT,
    "wrong_value": BAD_INPUT,
    "out_of_range": BAD_INPUT,
    "contradiction": BAD_INPUT,
    "no_effect": BAD_INPUT,
    "map_too_small": BAD_INPUT,
    "unknown_name": BAD_INPUT,
    "extends_cycle": BAD_INPUT,
    "bad_override": BAD_INPUT,
    "bad_option": BAD_INPUT,
    # Data
    "data_missing": BAD_INPUT,
    "data_empty": BAD_INPUT,
    "data_mismatch": BAD_INPUT,
    "image_unreadable": BAD_INPUT,
    # Files and the environment
    "output_exists": BAD_INPUT,
    "not_writable": BAD_INPUT,
    "run_missing": BAD_INPUT,
    "run_locked": BAD_INPUT,
    "run_changed": BAD_INPUT,
    "model_unreadable": BAD_INPUT,
    "weights_pickle": BAD_INPUT,
    "weights_mismatch": BAD_INPUT,
    "weights_unknown": BAD_INPUT,
    "weights_access": BAD_INPUT,
    "weights_unreachable": BAD_INPUT,
    "weights_licence": BAD_INPUT,
    "environment": BAD_INPUT,
    "extension_broken": BAD_INPUT,
    "extension_conflict": BAD_INPUT,
    "too_large": BAD_INPUT,
    "budget_unmet": BAD_INPUT,
    # Runs and checks
    "disk_full": RUN_FAILED,
    "checkpoint_invalid": RUN_FAILED,
    "diverged": RUN_FAILED,
    "graph_mismatch": RUN_FAILED,
    "batch_norm_mismatch": RUN_FAILED,
    "export_mismatch": RUN_FAILED,
    "device_check_failed": RUN_FAILED,
    "not_servable": RUN_FAILED,
    "server": RUN_FAILED,
    "study_incomplete": RUN_FAILED,
    "data_unreachable": RUN_FAILED,
    "callback_failed": RUN_FAILED,
    "interrupted": TO_BE_CONTINUED,
    "peer_lost": RUN_FAILED,
    "internal": RUN_FAILED,
}


@dataclass(frozen=True, slots=True)
class Place:
    """Where a problem is: a file (or an option of the command line), and a 1-based line and column within it."""

    file: str
    line: int | None = None
    column: int | None = None

    def __str__(self) -> str:
        return ":".join(str(part) for part in (self.file, self.line, self.column) if part is not None)


class Listing(str):
    """Lines of a problem, one below the other: all as text and in JSON, the first `MOST_LISTED` in a message.

    Attributes:
        shown: the text of a message.
    """

    shown: str

    def __new__(cls, lines: Iterable[str]) -> Listing:
        """Return the lines as one text, each indented below the problem that it belongs to."""
        lines = list(lines)
        listing = super().__new__(cls, lines[0] if len(lines) == 1 else _indent_lines(lines))
        hidden = len(lines) - MOST_LISTED
        listing.shown = str(listing)
        if hidden > 0:
            listing.shown = _indent_lines([*lines[:MOST_LISTED], f"and {hidden:,} more; --json has all"])
        return listing


def _indent_lines(lines: Sequence[str]) -> str:
    return "".join(f"\n    {line}" for line in lines)


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong.

    Attributes:
        code: a key of `CODES`.
        message: what is wrong, in one sentence.
        path: the path in the document, such as `stages.0.width`; empty outside documents.
        place: file, line and column, where known.
        expected, found: what would have been right, and what stands there.
        nearest: the valid name closest to what was written.
        remedy: what to do or to type.
    """

    code: str
    message: str
    path: str = ""
    place: Place | None = None
    expected: str = ""
    found: str = ""
    nearest: str = ""
    remedy: str = ""

    def __post_init__(self) -> None:
        if self.code not in CODES:
            raise ValueError(f"{self.code!r} is not in kresnet.errors.CODES")

    def __str__(self) -> str:
        return "".join(text for _, text in self.pieces())

    def pieces(self) -> Iterator[tuple[str, str]]:
        """What is shown, piece by piece: the attribute that a piece is, or `label`, and its text."""
        for name, text in (("place", self.place), ("path", self.path)):
            if text:
                yield name, f"{text}: "
        yield "message", f"{self.message} "
        yield "code", f"[{self.code}]"
        for name, label in (("expected",) * 2, ("found",) * 2, ("nearest", "did you mean"), ("remedy", "try")):
            if text := getattr(self, name):
                yield "label", f"\n  {label}: "
                yield name, getattr(text, "shown", text)

    def as_dict(self) -> dict[str, object]:
        """The problem as JSON-ready values, without what is empty."""
        values: dict[str, object] = {
            "code": self.code,
            "message": self.message,
            "path": self.path,
            "expected": self.expected,
            "found": self.found,
            "nearest": self.nearest,
            "remedy": self.remedy,
        }
        if self.place:
            values |= {"file": self.place.file, "line": self.place.line, "column": self.place.column}
        return {key: value for key, value in values.items() if value not in ("", None)}


class KresnetError(Exception):
    """One or more problems, reported together.

    Attributes:
        problems: the first `MOST_PROBLEMS` of them.
        more: whether there are others.
    """

    def __init__(self, problems: Problem | Iterable[Problem]) -> None:
        several = [problems] if isinstance(problems, Problem) else list(islice(problems, MOST_PROBLEMS + 1))
        self.problems: tuple[Problem, ...] = tuple(several[:MOST_PROBLEMS])
        self.more = len(several) > MOST_PROBLEMS
        super().__init__("\n".join(str(problem) for problem in self.problems))

    @property
    def status(self) -> int:
        """The exit status: 2 as soon as one problem is bad input, else 1."""
        return max(CODES[problem.code] for problem in self.problems)

    def _render_traceback_(self) -> list[str]:
        """What a notebook shows: where in the user's own code, and the problems; not the way through libraries."""
        libraries = (str(Path(__file__).parent), *map(sysconfig.get_path, ("stdlib", "purelib", "platlib")))
        frames = [frame for frame in extract_tb(self.__traceback__) if not frame.filename.startswith(libraries)]
        return [*(line.rstrip() for line in format_list(frames)), f"{type(self).__name__}:", str(self)]


def make_error(code: str, message: str, **details: object) -> KresnetError:
    """A `KresnetError` of a single problem, to be raised."""
    return KresnetError(Problem(code, message, **details))  # type: ignore[arg-type]


def shell_word(value: object) -> str:
    """A path or a name as a command in a remedy holds it: quoted, where a shell would take it apart."""
    return shlex.quote(str(value))


def nearest(name: object, valid: Sequence[str]) -> str:
    """The entry of `valid` closest in spelling to `name`, or an empty string when none is close."""
    matches = difflib.get_close_matches(str(name).lower(), valid, n=1, cutoff=0.6)
    return matches[0] if matches else ""
