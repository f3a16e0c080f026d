"""The process that looks at a run's test images for a page: `python -m kresnet.pages.evaluation_process RUN FILE`."""

from __future__ import annotations

import contextlib
import os
import pickle
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from kresnet.errors import KresnetError
from kresnet.files import staged_file
from kresnet.runs.run_directory import RunDirectory
from kresnet.runtime import import_tensorflow

if TYPE_CHECKING:
    from kresnet.pages.run_evaluations import Outcome


def main(directory: Path, file: Path) -> None:
    """Evaluate a run, and write what was found, or the problem that prevents it, as a pickle."""
    with contextlib.suppress(OSError):
        os.nice(19)
    found: Outcome
    try:
        import_tensorflow()
        from kresnet.evaluation.evaluate import evaluate_with_mistakes

        found = evaluate_with_mistakes(RunDirectory.open(directory))
    except KresnetError as error:
        found = error.problems[0]
    with staged_file(file) as staged:
        staged.write_bytes(pickle.dumps(found))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
