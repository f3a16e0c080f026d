"""Set a run up, train it, write what it leaves behind."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import keras
import numpy as np

from kresnet.data.augment import Augmentation
from kresnet.data.order import steps_per_epoch
from kresnet.data.sources import DataSet, open_data
from kresnet.data.sources.targets import require_targets
from kresnet.distributed.cluster import Cluster, cluster_of
from kresnet.distributed.context import DistributedContext, SharedConfig, connect, receive_shared_config
from kresnet.distributed.devices import choose_deterministic_kernels
from kresnet.distributed.environment import environment
from kresnet.distributed.workers import Workers
from kresnet.errors import make_error
from kresnet.files import staged_file, write_json
from kresnet.graph import build_model
from kresnet.plan import Plan, make_plan
from kresnet.plan.resolved_recipe import ResolvedRecipe, resolve_recipe
from kresnet.plan.segments import require_stages
from kresnet.runs.config_drift import changed_run_error, config_changes
from kresnet.runs.lock import RunLock
from kresnet.runs.run_directory import RunDirectory, documents
from kresnet.spec.architecture import Features, Spec
from kresnet.spec.recipe import Augment, Recipe
from kresnet.training.loop.monitors import Monitors, require_monitored
from kresnet.training.loop.peak_memory import peak_memory
from kresnet.training.loop.progress import Progress, ProgressMaker
from kresnet.training.loop.schedule import learning_rate
from kresnet.training.loop.session import TrainingSession
from kresnet.training.loop.signals import StopSignals
from kresnet.training.step.averaging import WeightAverage
from kresnet.training.step.clipping import Clip, ClipAdaptively, ClipNorm
from kresnet.training.step.engine import Engine
from kresnet.training.step.loss_scale import loss_scale_for
from kresnet.training.step.losses import make_loss
from kresnet.training.step.optimizers import make_optimizer
from kresnet.training.step.rematerialization import rematerialized
from kresnet.training.step.trainer import Trainer
from kresnet.training.step.xla import resolve_xla
from kresnet.weights.convert import freeze, start_from
from kresnet.weights.transfer import Transfer

Log = Callable[[str], None]


def start(
    run: RunDirectory,
    spec: Spec,
    plan: Plan,
    recipe: Recipe,
    log: Log,
    transfer: Transfer | None = None,
    document: Mapping[str, Any] | None = None,
    *,
    display: ProgressMaker = Progress,
) -> dict[str, Any]:
    """Train a new run, whose directory must not exist yet.

    Args:
        run: where.
        spec: the network.
        plan: made of it.
        recipe: how.
        log: takes lines for the user.
        transfer: what to start from, if from another's weights.
        document: the recipe as its author wrote it.
        display: shows the progress.

    Returns:
        The run's result, as written to `result.json`.

    Raises:
        KresnetError: bad input, before anything is written; `diverged`, `disk_full`, `interrupted` or
            `peer_lost` later.
    """
    cluster = cluster_of(recipe)
    if cluster and not cluster.chief:
        return follow(cluster, log, (spec, recipe))
    with connect(cluster, recipe) as together:
        data = open_for(spec, plan, recipe)
        resolve_recipe(
            recipe, plan, steps_per_epoch(len(data.train), recipe.batch_size), document
        )  # tells what is wrong
        require_monitored(plan, recipe, together.strategy.num_replicas_in_sync)
        require_stages(plan, recipe.rematerialize)
        run.create(spec, plan, recipe, _described(data), _environment(recipe, plan, together), transfer=transfer)
        return _lead(run, data, together, log, display)


def resume(
    run: RunDirectory, log: Log, *, allow_changed: bool = False, display: ProgressMaker = Progress
) -> dict[str, Any]:
    """Continue a run from its newest valid checkpoint, or from the start if there is none.

    Args:
        run: a run that was begun.
        log: takes lines for the user.
        allow_changed: go on where something changed that changes the result.
        display: shows the progress.

    Raises:
        KresnetError: `run_changed`, and what `start` raises.
    """
    spec, recipe = run.spec(), run.recipe()
    with connect(cluster_of(recipe), recipe) as together:
        data = open_for(spec, run.plan(), recipe)
        present = {
            **documents(spec, recipe),
            "data": _described(data),
            "environment": _environment(recipe, run.plan(), together),
        }
        found = config_changes(run.origin(), present)
        if found and not allow_changed:
            raise changed_run_error(found, run)
        for change in found:
            log(f"Changed since the run was begun: {change}.")
        return _lead(run, data, together, log, display, partial(run.accept, found, present) if found else None)


def follow(cluster: Cluster, log: Log, own: tuple[Spec, Recipe] | None = None) -> dict[str, Any]:
    """Take part in the run that the chief starts or continues, as another of its workers; write nothing.

    Args:
        cluster: all workers.
        log: takes lines of progress.
        own: what this worker was told to train, which must be what the chief trains.

    Raises:
        KresnetError: `environment` if the workers differ, and what `start` raises.
    """
    with connect(cluster, own[1] if own else None) as together:
        terms = receive_shared_config(together.workers, own)
        choose_deterministic_kernels(terms.recipe)
        data = open_for(terms.spec, make_plan(terms.spec), terms.recipe)
        terms.require_data(data.fingerprint)
        name, count = cluster.name(cluster.rank), len(cluster.addresses)
        log(f"{name} of {count}: the chief, {cluster.addresses[0]}, shows the progress")
        with StopSignals(log) as stop:
            return _train(terms, data, together, None, stop, lambda _: None, Progress)


def _lead(
    run: RunDirectory,
    data: DataSet,
    together: DistributedContext,
    log: Log,
    display: ProgressMaker,
    first: Callable[[], None] | None = None,
) -> dict[str, Any]:
    """Train as the only process that writes the run, listening to signals, and leave behind how it ended."""
    with RunLock(run.path, log) as lock, StopSignals(log) as stop, run.recording_end():
        if first:
            first()
        terms = SharedConfig(str(run), run.spec(), run.recipe(), run.transfer(), data.fingerprint)
        together.workers.all_gather(terms.as_dict())
        return _train(terms, data, together, lock, stop, log, display)


def open_for(spec: Spec, plan: Plan, recipe: Recipe) -> DataSet:
    """The recipe's data, which must suit the network.

    Raises:
        KresnetError: `contradiction`, `data_mismatch`, and what opening the data raises.
    """
    if isinstance(spec.head, Features):
        message = f"`kresnet fit` trains networks of one output; {spec.name} returns feature maps."
        raise make_error("contradiction", message, path="head.kind", remedy="head: {classes: N}")
    data = open_data(recipe.data, spec.input)
    require_targets(data, spec, plan)
    if not spec.input.is_image and recipe.augment != Augment():
        message = "Augmentation is for images, and this network takes vectors."
        raise make_error("contradiction", message, path="recipe.augment", remedy="remove `augment`")
    Augmentation(recipe.augment, spec.input)  # refuses what does not suit the images
    return data


def _described(data: DataSet) -> dict[str, Any]:
    return {
        "fingerprint": data.fingerprint,
        "class_names": list(data.class_names),
        "train_images": len(data.train),
        "test_images": len(data.test),
        **({"skipped": data.skipped} if data.skipped else {}),
    }


def _environment(recipe: Recipe, plan: Plan, together: DistributedContext) -> dict[str, Any]:
    replicas = together.strategy.num_replicas_in_sync
    return environment(replicas, together.precision(recipe).name, resolve_xla(recipe, plan, replicas))


def _train(
    terms: SharedConfig,
    data: DataSet,
    together: DistributedContext,
    lock: RunLock | None,
    stop: StopSignals,
    log: Log,
    display: ProgressMaker,
) -> dict[str, Any]:
    """Train with all workers; who has the lock writes the run."""
    run, recipe, plan = RunDirectory(Path(terms.directory)), terms.recipe, make_plan(terms.spec)
    workers, strategy, replicas = together.workers, together.strategy, together.strategy.num_replicas_in_sync
    outline = resolve_recipe(recipe, plan, steps_per_epoch(len(data.train), recipe.batch_size))
    keras.utils.set_random_seed(recipe.seed)
    precision = together.precision(recipe)
    on = f"{replicas} device{'s' * (replicas > 1)}" + (f" of {workers.count} workers" if workers.count > 1 else "")
    xla = resolve_xla(recipe, plan, replicas)
    log(f"{plan.name}: {plan.trainable:,} parameters, {precision}, {on}{', XLA' * xla}")
    for name, skipped in data.skipped.items():
        named = ", ".join(skipped[:5]) + " ..." * (len(skipped) > 5)
        log(f"{len(skipped)} {name} images cannot be read and are left out: {named}")
    prepare = partial(_transfer, plan, run if workers.chief else None, terms.transfer, log) if terms.transfer else None
    trainer = make_trainer(plan, recipe, outline, together, prepare)
    instruments = Monitors(plan, recipe, trainer.network, log)
    evaluated = trainer.average.network if trainer.average else trainer.network
    engine = Engine(trainer, strategy, workers.count)
    write_model = partial(_write_model, evaluated, plan, workers)
    session = TrainingSession(
        run, recipe, data, engine, instruments, outline, workers, lock, stop, write_model, log, display
    )
    last = session.run()
    if lock:
        lock.require()
    write_model(run.model)
    result = {
        "epochs": outline.epochs_of(last["step"]),
        "steps": last["step"],
        "train": last["train"],
        "test": last["test"],
        "images_per_second": last["images_per_second"],
        "input_wait": last["input_wait"],
        "peak_memory": peak_memory(),
        "seconds": last["seconds"],
        "saving": {"saves": session.saver.saves, "stalled_seconds": session.saver.stalled},
    }
    if data.skipped:
        result["skipped"] = {name: len(names) for name, names in data.skipped.items()}
    if session.best:
        result["best"] = session.best
    if recipe.non_finite.kind != "stop":
        result["non_finite"] = session.guard.counts()
    if workers.chief:
        write_json(run.result, result)
    return workers.all_gather(result)[0]


def make_trainer(
    plan: Plan,
    recipe: Recipe,
    outline: ResolvedRecipe,
    together: DistributedContext,
    prepare: Callable[[keras.Model], None] | None = None,
) -> Trainer:
    """The network with what it takes to train it; `prepare` may give it weights, and freeze some, before."""
    precision = together.precision(recipe).name
    xla = resolve_xla(recipe, plan, together.strategy.num_replicas_in_sync)
    with together.strategy.scope():
        network = build_model(plan, precision=precision, seed=recipe.seed)
        if prepare:
            prepare(network)
        trainer = Trainer(
            network,
            loss=make_loss(outline.objective),
            clip=_clip(recipe, plan),
            average=WeightAverage(network, build_model(plan, precision=precision), **outline.ema)
            if outline.ema
            else None,
            accumulate_steps=recipe.accumulate_steps,
            loss_scale=loss_scale_for(precision),
            forward=rematerialized(network, plan, recipe.rematerialize) if recipe.rematerialize else None,
            xla=xla,
        )
        trainer.updates = make_optimizer(recipe.optimizer, learning_rate(outline.rate), network.trainable_variables)
    return trainer


def _clip(recipe: Recipe, plan: Plan) -> Clip | None:
    """What the recipe does about large gradients."""
    if recipe.gradient_clip_adaptive:
        return ClipAdaptively(recipe.gradient_clip_adaptive, excluded=tuple(plan.outputs.values()))
    return ClipNorm(recipe.gradient_clip_norm) if recipe.gradient_clip_norm else None


def _transfer(
    plan: Plan, run: RunDirectory | None, transfer: Mapping[str, Any], log: Log, network: keras.Model
) -> None:
    """Begin with the weights that the run keeps, and hold those of the parts that it freezes."""
    count = start_from(network, plan, run.init) if run else 0  # the other workers take over the chief's weights
    frozen = freeze(network, plan, transfer["freeze"])
    new = f"; new: {', '.join(transfer['new'])}" if transfer["new"] else ""
    log(f"{count} weights from {transfer['init']}{new}; {frozen:,} parameters frozen")
    for sentence in transfer["differing"]:
        log(f"The network differs: {sentence}.")


def _write_model(network: keras.Model, plan: Plan, workers: Workers, path: Path) -> None:
    """Have the chief write the network; every worker reads its weights, since some are means over all replicas."""
    weights = [weight.numpy() for weight in network.weights]
    if workers.chief:
        save_model(weights, plan, path)


def save_model(weights: Sequence[np.ndarray], plan: Plan, path: Path) -> None:
    """Write the network with these weights as a float32 `.keras` file, whole or not at all.

    Raises:
        KresnetError: `disk_full` or `not_writable`.
    """
    model = build_model(plan)
    model.set_weights(weights)
    with staged_file(path) as staged:
        model.save(staged)
