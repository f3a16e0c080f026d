"""The record of the problem that a run stopped with, in its `ended.json` until it goes on."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

from kresnet.errors import KresnetError
from kresnet.files import read_mapping, translate_os_errors, write_json
from kresnet.runs.run_directory import RunDirectory
from kresnet.runs.run_start import discard_run

_NAME = "ended.json"


@contextlib.contextmanager
def recording_failure(run: RunDirectory, begun: Callable[[], bool] = lambda: True) -> Iterator[None]:
    """Record the problem that ended the block, until the run goes on.

    Args:
        run: the run that is trained in the block.
        begun: tells whether the run has taken a step; where it has not, its directory is removed instead, unless it
            was asked to stop, with its state saved.
    """
    ended = run.path / _NAME
    with translate_os_errors(ended):
        ended.unlink(missing_ok=True)
    try:
        yield
    except Exception as error:
        problem = error.problems[0] if isinstance(error, KresnetError) else None
        with contextlib.suppress(KresnetError, OSError):  # the first problem is the one to report
            if not begun() and not (problem and problem.code == "interrupted"):
                discard_run(run)
            elif problem:
                write_json(ended, problem.as_dict())
        raise


def recorded_failure(run: RunDirectory) -> dict[str, Any]:
    """Read the problem that a run stopped with, as `Problem.as_dict` has it; empty if none is recorded."""
    problem = read_mapping(run.path / _NAME)
    return problem if "code" in problem else {}
