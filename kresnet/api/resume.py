"""Continue a run that was begun in a directory, in this process or as one of its workers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from kresnet.api.process_state import training_scope
from kresnet.errors import make_error, shell_word
from kresnet.runs.run_directory import RunDirectory

if TYPE_CHECKING:
    from kresnet.training.loop.callbacks import OneOrMoreCallbacks
    from kresnet.training.loop.progress import RunOutput


def continue_run(
    directory: RunDirectory,
    output: RunOutput,
    callbacks: OneOrMoreCallbacks,
    lengths: Mapping[str, int | None],
    allow_changed: bool,
    pause_after: int | None,
) -> dict[str, Any] | None:
    """Continue a run from the newest state that was saved; one that has finished is left as it is.

    Args:
        directory: the run's directory, which of a worker may be on another machine.
        output: what shows the user how it goes.
        callbacks: as for `kresnet.resume`.
        lengths: length to train to by its unit, `epochs`, `steps` or `examples`, one of them at most.
        allow_changed: as for `kresnet.resume`.
        pause_after: as for `kresnet.resume`.

    Returns:
        The run's result; None where nothing was left to do.

    Raises:
        KresnetError: as `kresnet.resume`.
        KeyboardInterrupt: as `kresnet.fit`.
    """
    from kresnet.distributed.cluster import cluster_for_recipe, find_cluster
    from kresnet.runtime import import_tensorflow

    length = _stated_length(directory, lengths)
    if directory.finished and not length:
        directory.require_as_trained()
        output.log(f"{directory} has finished; there is nothing left to do.")
        return None
    cluster = find_cluster()
    if cluster and not cluster.chief:  # the run's directory may be on the chief's machine alone
        import_tensorflow(silent=True)
        from kresnet.training.fit import train_as_worker
        from kresnet.training.loop.callbacks import accepted_callbacks

        accepted = accepted_callbacks(callbacks, resuming=True)
        with training_scope():
            return train_as_worker(cluster, output, callbacks=accepted)
    directory = RunDirectory.open(directory.path)
    resolved = directory.resolve_for_length(*length) if length else directory.resolved
    import_tensorflow(silent=cluster is not None)
    from kresnet.training.fit import resume
    from kresnet.training.loop.callbacks import accepted_callbacks
    from kresnet.training.loop.trackers.tracker_callback import require_tracker_packages

    accepted = accepted_callbacks(callbacks, resuming=True)
    require_tracker_packages(resolved.recipe)
    with training_scope(resolved):
        distributed = cluster_for_recipe(resolved.recipe)
        return resume(
            directory, distributed, output, accepted, allow_changed=allow_changed, length=length,
            pause_after=require_pause(pause_after),
        )  # fmt: skip


def _stated_length(directory: RunDirectory, lengths: Mapping[str, int | None]) -> tuple[str, int] | None:
    """Return unit and value of the length to train to; None where none is stated.

    Raises:
        KresnetError: `bad_option` for more than one.
    """
    stated = [(unit, value) for unit, value in lengths.items() if value is not None]
    if len(stated) > 1:
        message = "A length is stated in one unit: `epochs`, `steps` or `examples`."
        raise make_error("bad_option", message, remedy=f"kresnet fit --resume {shell_word(directory)} --epochs N")
    return stated[0] if stated else None


def require_pause(epochs: int | None) -> int | None:
    """Return after how many epochs a run pauses, which is one at least; None for a run that does not.

    Raises:
        KresnetError: `bad_option`.
    """
    if epochs is None or (isinstance(epochs, int) and not isinstance(epochs, bool) and epochs >= 1):
        return epochs
    raise make_error("bad_option", "A run pauses after one epoch or more.", found=str(epochs), remedy="--pause-after 1")


__all__ = ["continue_run", "require_pause"]
