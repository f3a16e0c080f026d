"""Set a run up, train it, write what it leaves behind."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from kresnet.data.augment import Augmentation
from kresnet.data.order import steps_per_epoch
from kresnet.data.sources import DataSet, open_data
from kresnet.errors import fail
from kresnet.files import staged_file, write_json
from kresnet.graph import build_model
from kresnet.plan import Plan
from kresnet.plan.outline import Outline, make_outline
from kresnet.spec.architecture import Classifier, Spec
from kresnet.spec.recipe import Recipe
from kresnet.training.averaging import Average
from kresnet.training.clipping import Clip, ClipAdaptively, ClipNorm
from kresnet.training.devices import make_strategy, resolve_precision
from kresnet.training.engine import Engine
from kresnet.training.environment import environment
from kresnet.training.instruments import Instruments, require_subject
from kresnet.training.lock import RunLock
from kresnet.training.losses import make_loss
from kresnet.training.optimizers import make_optimizer
from kresnet.training.origin import changes, refusal
from kresnet.training.run import Run, documents
from kresnet.training.schedules import learning_rate
from kresnet.training.session import Session
from kresnet.training.signals import StopSignals
from kresnet.training.trainer import Trainer
from kresnet.weights.convert import freeze, start_from
from kresnet.weights.transfer import Transfer

Log = Callable[[str], None]


def start(
    run: Run,
    spec: Spec,
    plan: Plan,
    recipe: Recipe,
    log: Log,
    transfer: Transfer | None = None,
    document: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Train a new run, whose directory must not exist yet; `document` is the recipe as its author wrote it.

    Returns:
        The run's result, as written to `result.json`.

    Raises:
        KresnetError: bad input, before anything is written; `diverged`, `disk_full` or `interrupted` later.
    """
    data = _open(spec, recipe)
    outline = make_outline(recipe, plan, steps_per_epoch(len(data.train), recipe.batch_size), document)
    strategy = _strategy(recipe)
    require_subject(plan, recipe, strategy.num_replicas_in_sync)
    run.create(spec, plan, recipe, _described(data), _environment(recipe, strategy), transfer=transfer)
    return _alone(run, plan, recipe, outline, data, strategy, log)


def resume(run: Run, log: Log, *, allow_changed: bool = False) -> dict[str, Any]:
    """Continue a run from its newest valid checkpoint, or from the start if there is none.

    Args:
        run: a run that was begun.
        log: takes lines for the user.
        allow_changed: go on where something changed that changes the result.

    Raises:
        KresnetError: `run_changed`, and what `start` raises.
    """
    spec, recipe, plan = run.spec(), run.recipe(), run.plan()
    data = _open(spec, recipe)
    outline = make_outline(recipe, plan, steps_per_epoch(len(data.train), recipe.batch_size))
    strategy = _strategy(recipe)
    present = {
        **documents(spec, recipe),
        "data": _described(data),
        "environment": _environment(recipe, strategy),
    }
    found = changes(run.origin(), present)
    if found and not allow_changed:
        raise refusal(found, run)
    for change in found:
        log(f"Changed since the run was begun: {change}.")
    accept = partial(run.accept, found, present) if found else None
    return _alone(run, plan, recipe, outline, data, strategy, log, accept)


def _alone(
    run: Run,
    plan: Plan,
    recipe: Recipe,
    outline: Outline,
    data: DataSet,
    strategy: Any,
    log: Log,
    first: Callable[[], None] | None = None,
) -> dict[str, Any]:
    """Train as the only process that writes the run, listening to signals, and leave behind how it ended."""
    with RunLock(run.directory, log) as lock, StopSignals(log) as stop, run.end_recorded():
        if first:
            first()
        return _train(run, plan, recipe, outline, data, strategy, lock, stop, log)


def _open(spec: Spec, recipe: Recipe) -> DataSet:
    """The recipe's data, which must suit the network."""
    if not isinstance(spec.head, Classifier):
        message = f"`kresnet fit` trains classifiers; {spec.name} has a head of kind {spec.head.kind}."
        raise fail("contradiction", message, path="head.kind", remedy="head: {classes: N}")
    data = open_data(recipe.data, spec.input)
    classes = len(data.class_names)
    if spec.head.classes != classes:
        message = f"The data have {classes} classes, the head {spec.head.classes}."
        raise fail("data_mismatch", message, path="head.classes", remedy=f"--set head.classes={classes}")
    Augmentation(recipe.augment, spec.input)  # refuses what does not suit the images
    return data


def _described(data: DataSet) -> dict[str, Any]:
    return {
        "fingerprint": data.fingerprint,
        "class_names": list(data.class_names),
        "train_images": len(data.train),
        "test_images": len(data.test),
    }


def _environment(recipe: Recipe, strategy: Any) -> dict[str, Any]:
    return environment(strategy.num_replicas_in_sync, resolve_precision(recipe.precision))


def _strategy(recipe: Recipe) -> Any:
    """The strategy, whose replicas must be able to share a batch; with it, TensorFlow's kernels are chosen."""
    if recipe.deterministic:
        tf.config.experimental.enable_op_determinism()
    strategy = make_strategy(recipe.distribution)
    replicas = strategy.num_replicas_in_sync
    if recipe.batch_size % replicas:
        message = f"{replicas} replicas cannot share batches of {recipe.batch_size}."
        remedy = f"--set recipe.batch_size={-(-recipe.batch_size // replicas) * replicas}"
        raise fail("contradiction", message, path="batch_size", remedy=remedy)
    return strategy


def _train(
    run: Run,
    plan: Plan,
    recipe: Recipe,
    outline: Outline,
    data: DataSet,
    strategy: Any,
    lock: RunLock,
    stop: StopSignals,
    log: Log,
) -> dict[str, Any]:
    keras.utils.set_random_seed(recipe.seed)
    precision, replicas = resolve_precision(recipe.precision), strategy.num_replicas_in_sync
    log(f"{plan.name}: {plan.trainable:,} parameters, {precision}, {replicas} device{'s' * (replicas > 1)}")
    with strategy.scope():
        network = build_model(plan, precision=precision, seed=recipe.seed)
        if transfer := run.transfer():
            _transfer(network, plan, run, transfer, log)
        trainer = Trainer(
            network,
            loss=make_loss(outline.objective),
            clip=_clip(recipe, plan),
            average=Average(network, build_model(plan, precision=precision), **outline.ema) if outline.ema else None,
        )
        rate = learning_rate(outline.rate)
        trainer.updates = make_optimizer(recipe.optimizer, rate, network.trainable_variables)
    instruments = Instruments(plan, recipe, network, log)
    evaluated = trainer.average.network if trainer.average else network
    engine, write_model = Engine(trainer, strategy), partial(save_model, evaluated, plan)
    session = Session(run, recipe, data, engine, instruments, outline, lock, stop, write_model, log)
    last = session.run()
    lock.require()
    write_model(run.model)
    result = {
        "epochs": outline.epochs_of(last["step"]),
        "steps": last["step"],
        "train": last["train"],
        "test": last["test"],
        "images_per_second": last["images_per_second"],
        "seconds": last["seconds"],
        "saving": {"saves": session.saver.saves, "stalled_seconds": session.saver.stalled},
    }
    if session.best:
        result["best"] = session.best
    write_json(run.result, result)
    return result


def _clip(recipe: Recipe, plan: Plan) -> Clip | None:
    """What the recipe does about large gradients."""
    if recipe.gradient_clip_adaptive:
        return ClipAdaptively(recipe.gradient_clip_adaptive, excluded=tuple(plan.outputs.values()))
    return ClipNorm(recipe.gradient_clip_norm) if recipe.gradient_clip_norm else None


def _transfer(network: keras.Model, plan: Plan, run: Run, transfer: Mapping[str, Any], log: Log) -> None:
    """Begin with the weights that the run keeps, and hold those of the parts that it freezes."""
    count = start_from(network, plan, run.init)
    frozen = freeze(network, plan, transfer["freeze"])
    new = f"; new: {', '.join(transfer['new'])}" if transfer["new"] else ""
    log(f"{count} weights from {transfer['init']}{new}; {frozen:,} parameters frozen")
    for sentence in transfer["differing"]:
        log(f"The network differs: {sentence}.")


def save_model(network: keras.Model, plan: Plan, path: Path) -> None:
    """Write the network as a float32 `.keras` file, whatever it was trained in, whole or not at all.

    Raises:
        KresnetError: `disk_full` or `not_writable`.
    """
    model = build_model(plan)
    model.set_weights([weight.numpy() for weight in network.weights])
    with staged_file(path) as staged:
        model.save(staged)
