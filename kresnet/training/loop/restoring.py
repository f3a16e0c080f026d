"""Going on from a run's newest checkpoint that can be read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from kresnet.errors import make_error, shell_word
from kresnet.runs.checkpoints import Checkpoint, CheckpointStore
from kresnet.runs.run_directory import RunDirectory
from kresnet.training.loop.callback_state import split_arrays
from kresnet.training.step.engine import Engine


def restore_newest_checkpoint(
    engine: Engine, store: CheckpointStore, directory: RunDirectory, log: Callable[[str], None]
) -> Checkpoint | None:
    """Set an engine's variables to the newest valid checkpoint; damaged ones that are newer are set aside.

    Args:
        engine: the engine of the process that writes the run.
        store: the run's checkpoints.
        directory: the run.
        log: is told of each damaged checkpoint.

    Returns:
        The checkpoint, its facts those of a run that goes on if it was the end of one that is trained on; None if there
        is none.

    Raises:
        KresnetError: `checkpoint_invalid` if all are damaged, `run_changed` if its variables are not the engine's.
    """
    checkpoint, damaged = store.latest()
    for each in damaged:
        log(str(store.set_aside(each)))
    if checkpoint is None:
        if damaged:
            message = f"{directory} has checkpoints, but none that can be read."
            remedy = f"rm -r {shell_word(store.directory)}, to train from the start"
            raise make_error("checkpoint_invalid", message, remedy=remedy)
        return None
    try:
        engine.restore(split_arrays(checkpoint.arrays)[0])
    except ValueError as error:
        raise make_error("run_changed", f"{directory} cannot be continued: {error}.") from None
    if directory.extended_after() != checkpoint.step:
        return checkpoint
    facts = {**checkpoint.facts, "stopped_by_callback": False}
    if "early_stopping" in facts:
        facts["early_stopping"] = {**facts["early_stopping"], "best_step": checkpoint.step, "stopped": False}
    return replace(checkpoint, facts=facts)


__all__ = ["restore_newest_checkpoint"]
