"""The start of a run: its directory is made whole or not at all, also in the place of a run without a step."""

from __future__ import annotations

import os
import shutil
from typing import Any

from kresnet.errors import shell_word
from kresnet.files import refuse_existing, staged_directory, write_json, write_text
from kresnet.runs.lock import RunLock, is_held
from kresnet.runs.resolved_run import ResolvedRun
from kresnet.runs.run_directory import RunDirectory
from kresnet.spec.document import dump

#: What a run's directory may hold before a step is on disk; whatever else is in it was not written by such a run.
_BEFORE_FIRST_STEP = frozenset(
    [
        *("spec.yaml", "recipe.yaml", "plan.json", "data.json", "environment.json", "origin.json", "init.keras"),
        *("transfer.json", "teacher.json", "lock", "ended.json", "changes.txt", "checkpoints", "tensorboard"),
        *("history.jsonl", "trackers.json", "wandb", "progress.json", "log.txt"),
    ]
)


def may_be_begun_anew(run: RunDirectory) -> bool:
    """Return whether a run was begun here of which no step is on disk, and no process is writing it.

    Nothing is lost with such a run: who continues it begins at step 0 as well. A directory that holds any other
    file than such a run's is none.
    """
    if not (run.path / "origin.json").is_file() or is_held(run.path):
        return False
    saved = (path.name for path in run.checkpoints.glob("*") if not path.name.startswith("."))
    return (
        {path.name for path in run.path.iterdir()} <= _BEFORE_FIRST_STEP
        and all(name.startswith("step-00000000") for name in saved)
        and not run.history.lines()
    )


def refuse_existing_run(run: RunDirectory) -> None:
    """Make sure that there is nothing at the run's path, or only an empty directory or a run without a step.

    Raises:
        KresnetError: `output_exists`.
    """
    if may_be_begun_anew(run):
        return
    holds_run = (run.path / "recipe.yaml").is_file()
    remedy = f"kresnet fit --resume {shell_word(run.path)}, or another -o" if holds_run else "another -o"
    refuse_existing(run.path, remedy)


def create_run(run: RunDirectory, resolved: ResolvedRun, environment: dict[str, Any]) -> None:
    """Create a run's directory with the files that a run starts with, whole or not at all.

    It takes the place of a run without a step, as a kill before the first save leaves it.

    Args:
        run: the directory, which is not there yet.
        resolved: the resolved run, its data known.
        environment: description of the environment, for `environment.json`.

    Raises:
        KresnetError: `output_exists`, `not_writable` or `disk_full`.
    """
    assert resolved.data
    refuse_existing_run(run)
    with staged_directory(run.path) as staged:
        write_text(staged / "spec.yaml", dump(resolved.spec.document()))
        write_text(staged / "recipe.yaml", dump(resolved.recipe.document()))
        write_json(staged / "plan.json", resolved.plan.as_dict())
        origin = {**resolved.documents(), "data": resolved.data.as_dict(), "environment": environment}
        RunDirectory(staged).write_original_config(origin)
        if resolved.transfer:
            shutil.copyfile(resolved.transfer.init, staged / run.initial_model.name)
            write_json(staged / "transfer.json", resolved.transfer.as_dict())
        if resolved.teacher:
            write_json(staged / "teacher.json", resolved.teacher.as_dict())
        if may_be_begun_anew(run):
            with RunLock(run.path, lambda _: None):  # whoever continues it at this moment has it
                discard_run(run)


def discard_run(run: RunDirectory) -> None:
    """Remove a run's directory, at one moment for whoever looks at it."""
    gone = run.path.with_name(f".{run.path.name}.{os.getpid()}.gone.tmp")
    shutil.rmtree(gone, ignore_errors=True)
    run.path.replace(gone)
    shutil.rmtree(gone, ignore_errors=True)
