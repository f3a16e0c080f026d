"""Train a run: set it up, go through its steps, write what it leaves behind."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras

from kresnet.data.sources import DataSet
from kresnet.distributed.cluster import Cluster
from kresnet.distributed.context import DistributedContext, SharedConfig, connect, receive_shared_config
from kresnet.distributed.devices import choose_kernels
from kresnet.distributed.environment import environment
from kresnet.errors import KresnetError, make_error, shell_word
from kresnet.plan.convolutions import KernelChoice, kernels_as_dict, kernels_from_dict
from kresnet.plan.model_selection import added_selection_problems
from kresnet.plan.segments import require_rematerialized_stages
from kresnet.runs.config_drift import LENGTH_SETTINGS, changed_run_error, config_changes
from kresnet.runs.failure_record import recording_failure
from kresnet.runs.live_progress import logged
from kresnet.runs.lock import RunLock
from kresnet.runs.resolved_run import ResolvedRun, resolve_run
from kresnet.runs.run_directory import RunDirectory
from kresnet.runs.run_start import create_run, may_be_begun_anew
from kresnet.spec.recipe import Recipe
from kresnet.training.loop.monitors import require_monitored_layers
from kresnet.training.loop.peak_memory import peak_memory
from kresnet.training.loop.progress import RunOutput
from kresnet.training.loop.run_writer import RunWriter
from kresnet.training.loop.schedule import learning_rate
from kresnet.training.loop.session import TrainingSession
from kresnet.training.loop.signals import StopSignals
from kresnet.training.opening import open_run_data
from kresnet.training.setup import make_session
from kresnet.weights.transfer import Transfer


def start(
    directory: RunDirectory,
    run: ResolvedRun,
    cluster: Cluster | None,
    output: RunOutput,
    callbacks: Sequence[keras.callbacks.Callback] = (),
    *,
    pause_after: int | None = None,
) -> dict[str, Any]:
    """Train a new run. Its directory must not exist yet, but for a run without a step, whose place it takes.

    What ends the run before its first step leaves no directory behind.

    Args:
        directory: where the run will be.
        run: what to train, as its documents say.
        cluster: all workers of the run; None for a single process.
        output: what shows the user how it goes.
        callbacks: what `accepted_callbacks` returned.
        pause_after: number of epochs after which to stop, with the state saved; None for the run's end.

    Returns:
        The run's result, as written to `result.json`.

    Raises:
        KresnetError: bad input, before anything is written; `diverged`, `disk_full`, `interrupted` or `peer_lost`
            later.
    """
    if cluster and not cluster.chief:
        return train_as_worker(cluster, output, run, callbacks)
    with connect(cluster, run.recipe, output.log) as context:
        run, data = open_run_data(run, context)
        if run.transfer:
            run = replace(run, transfer=run.transfer.for_classes(data.class_names, run.plan))
        require_monitored_layers(run.plan, run.recipe, run.devices.replicas)
        require_rematerialized_stages(run.plan, run.recipe.rematerialize)
        if may_be_begun_anew(directory):
            output.log(f"{directory} holds a run of which no step was saved; it is begun anew.")
        create_run(directory, run, _environment(run))
        return train_as_chief(directory, run, data, context, output, callbacks, new=True, pause_after=pause_after)


def resume(
    directory: RunDirectory,
    cluster: Cluster | None,
    output: RunOutput,
    callbacks: Sequence[keras.callbacks.Callback] = (),
    *,
    allow_changed: bool = False,
    length: tuple[str, int] | None = None,
    pause_after: int | None = None,
) -> dict[str, Any]:
    """Continue a run from its newest valid checkpoint, or from the start if there is none.

    A finished run is continued to another length only, and from a checkpoint only.

    Args:
        directory: of a run that was begun.
        cluster: all workers of the run, of which this is the chief; None for a single process.
        output: what shows the user how it goes.
        callbacks: what `accepted_callbacks` returned.
        allow_changed: go on where something changed that changes the result.
        length: unit and value of the length to train to; None for what the run's recipe says.
        pause_after: as for `start`.

    Raises:
        KresnetError: `run_changed`, `checkpoint_invalid`, and what `start` raises; `contradiction` where the recipe was
            changed to choose by images that the run is tested on.
    """
    run = directory.resolve_for_length(*length) if length else directory.resolved
    original = directory.original_config()
    begun_with = Recipe.model_validate(original["recipe"])
    if problems := added_selection_problems(run.recipe, begun_with):
        raise run.locate(KresnetError(problems))
    if length and directory.finished and not directory.newest_step():
        message = f"{directory} has finished and holds no checkpoint, from which it could be trained on."
        remedy = f"to begin another run with its weights: kresnet fit SPEC --init {shell_word(directory.model)} -o RUN"
        raise make_error("checkpoint_invalid", message, remedy=remedy)
    with connect(cluster, run.recipe, output.log) as context:
        chosen_anew = begun_with.kernels != run.recipe.kernels
        run, data = open_run_data(run, context, None if chosen_anew else _begun_kernels(directory, original))
        devices = _environment(run)
        assert run.data
        present = {**run.documents(), "data": run.data.as_dict(), "environment": devices}
        changes = config_changes(original, present)
        refused = [change for change in changes if not (length and change.path in LENGTH_SETTINGS)]
        if refused and not allow_changed:
            raise changed_run_error(refused, directory)
        if run.teacher and not allow_changed:
            run.teacher.require_same(directory.read_teacher(), directory.path)
        for change in changes:
            output.log(f"Changed since the run was begun: {change}.")

        def accept() -> None:
            if length:
                directory.extend(run.recipe)
            if changes:
                directory.accept_changes(changes, present)

        if length and (step := directory.newest_step()):
            begun = resolve_run(run.loaded_spec, directory.original_config()["recipe"], plan=run.plan, begun=True)
            before, after = _rates_around(begun, run, step)
            lengths = f"{run.steps.total_steps:,} steps, of which {step:,} are taken"
            output.log(f"Training on: {lengths}. The learning rate was {before:.4g} and goes on at {after:.4g}.")
        return train_as_chief(directory, run, data, context, output, callbacks, accept, pause_after=pause_after)


def _rates_around(old: ResolvedRun, new: ResolvedRun, step: int) -> tuple[float, float]:
    """Return the learning rate of the last step by the old length's schedule, and of the next by the new one's."""
    assert new.data
    rates = [learning_rate(run.steps.learning_rate) for run in (old.with_data(new.data), new)]
    return float(rates[0](step - 1)), float(rates[1](step))


def train_as_chief(
    directory: RunDirectory,
    run: ResolvedRun,
    data: DataSet,
    context: DistributedContext,
    output: RunOutput,
    callbacks: Sequence[keras.callbacks.Callback] = (),
    accept_changes: Callable[[], None] | None = None,
    *,
    new: bool = False,
    pause_after: int | None = None,
) -> dict[str, Any]:
    """Train as the only process that writes the run, listening to signals, and leave behind how it ended.

    What ends a new run before its first step leaves nothing behind.
    """
    session: TrainingSession | None = None
    output = output._replace(log=logged(output.log, directory.log))

    def begun() -> bool:
        return not new or (session is not None and session.step > 0)

    with (
        RunLock(directory.path, output.log) as lock,
        StopSignals(output.log) as stop,
        recording_failure(directory, begun),
    ):
        if accept_changes:
            accept_changes()
        transfer = run.transfer.as_dict() if run.transfer else None
        shared = SharedConfig(str(directory), run.spec, run.recipe, transfer, data.identity, run.devices.kernels)
        context.workers.all_gather(shared.as_dict())
        session = make_session(run, data, context, RunWriter(directory, run.plan, lock), output, callbacks)
        with session.callbacks.told_of_failure():
            session.train(stop, pause_after)
            return finish(session)


def train_as_worker(
    cluster: Cluster,
    output: RunOutput,
    own: ResolvedRun | None = None,
    callbacks: Sequence[keras.callbacks.Callback] = (),
) -> dict[str, Any]:
    """Take part in the run that the chief starts or continues, as another of its workers; write nothing.

    Args:
        cluster: all workers.
        output: what shows the user how it goes.
        own: what this worker was told to train, which must be what the chief trains.
        callbacks: what `accepted_callbacks` returned; those for every worker are called.

    Raises:
        KresnetError: `environment` if the workers differ, and what `start` raises.
    """
    with connect(cluster, own.recipe if own else None, output.log) as context:
        shared = receive_shared_config(context.workers, (own.spec, own.recipe) if own else None)
        choose_kernels(shared.recipe)
        run, data = open_run_data(shared_run(shared, own), context, shared.kernels)
        shared.require_data(data.identity)
        name, count = cluster.worker_name(cluster.rank), len(cluster.addresses)
        output.log(f"{name} of {count}: the chief, {cluster.addresses[0]}, shows the progress")
        writer = RunWriter(RunDirectory(Path(shared.directory)), run.plan, None)
        session = make_session(run, data, context, writer, RunOutput.silent(), callbacks)
        with StopSignals(output.log) as stop, session.callbacks.told_of_failure():
            session.train(stop)
        return finish(session)


def shared_run(shared: SharedConfig, own: ResolvedRun | None) -> ResolvedRun:
    """Return the chief's run, its data where this worker was told to find them; planned anew only where need be."""
    transfer = Transfer.from_dict(shared.transfer) if shared.transfer else None
    if own and own.spec == shared.spec:
        return replace(own, transfer=transfer)
    return resolve_run(shared.spec, shared.recipe, transfer=transfer, begun=True)


def finish(session: TrainingSession) -> dict[str, Any]:
    """Write the trained network and how the run ended; return the result, which is the same for every worker."""
    run, last = session.run, session.state.line
    trainer = session.engine.trainer
    session.writer.write_model(session.writer.directory.model, trainer.evaluated_network, trainer.activation_ranges)
    result = {
        "epochs": run.steps.epochs_of(last["step"]),
        "steps": last["step"],
        "train": last["train"],
        **({"validation": session.metrics.selection()} if session.data.validation else {}),
        "test": session.metrics.selection() if session.test is None else session.test,
        "images_per_second": last["images_per_second"],
        "input_wait": last["input_wait"],
        "peak_memory": peak_memory(),
        "seconds": last["seconds"],
        "saving": {"saves": session.saver.saves, "stalled_seconds": session.saver.stalled},
    }
    if session.data.skipped:
        result["skipped"] = {name: len(names) for name, names in session.data.skipped.items()}
    if session.state.best:
        result["best"] = session.state.best
    if run.recipe.non_finite.kind != "stop":
        result["non_finite"] = session.state.guard.counts()
    session.callbacks.train_end(result)
    session.writer.write_result(result)
    return session.workers.all_gather(result)[0]


def _begun_kernels(directory: RunDirectory, original: Mapping[str, Any]) -> Mapping[str, KernelChoice]:
    """Return the kernels that a run was begun with; `original` is its `original_config`."""
    try:
        return kernels_from_dict(original["environment"]["kernels"].get("convolutions", {}))
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        message = f"{directory.path / 'environment.json'} is not what `kresnet fit` wrote: {error}."
        raise make_error("run_missing", message) from None


def _environment(run: ResolvedRun) -> dict[str, Any]:
    devices = run.devices
    described = environment(devices.replicas, devices.precision, devices.xla, (run.spec, run.recipe))
    if kernels := kernels_as_dict(devices.kernels):
        described["kernels"]["convolutions"] = kernels
    return described | ({"batch_size": run.batch_size_text} if run.batch_size_text else {})
