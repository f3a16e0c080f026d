"""Set a run up: its network and optimizer made, its loop put together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import keras
import tensorflow as tf

from kresnet.data.pipeline import training_batches
from kresnet.data.sources import DataSet
from kresnet.data.sources.balanced import balance_examples, loss_balance
from kresnet.distributed.context import DistributedContext
from kresnet.graph import build_model
from kresnet.graph.fake_quantization import FakeQuantization
from kresnet.plan import Plan
from kresnet.plan.layer_rates import layer_rates
from kresnet.runs.resolved_run import ResolvedRun
from kresnet.runs.teacher import stage_output
from kresnet.spec.recipe import Recipe
from kresnet.spec.recipe.distill import FeatureTargets
from kresnet.training.loop.callbacks import Callbacks
from kresnet.training.loop.monitors import Monitors
from kresnet.training.loop.progress import RunOutput
from kresnet.training.loop.run_writer import RunWriter
from kresnet.training.loop.schedule import learning_rate
from kresnet.training.loop.session import TrainingSession
from kresnet.training.loop.trackers.tracker_callback import make_trackers
from kresnet.training.step.averaging import WeightAverage
from kresnet.training.step.clipping import AdaptiveClipping, GlobalNormClipping, GradientClipping
from kresnet.training.step.distillation import Distillation
from kresnet.training.step.engine import Engine
from kresnet.training.step.loss_scale import make_loss_scale
from kresnet.training.step.losses import make_loss
from kresnet.training.step.optimizers import make_optimizer
from kresnet.training.step.rematerialization import rematerialized_forward
from kresnet.training.step.trainer import Trainer
from kresnet.weights.convert import freeze, load_initial_weights


def batches_of_steps(run: ResolvedRun, data: DataSet, start: int, stop: int) -> tf.data.Dataset:
    """Return the global batches of steps `start` to `stop - 1` of a run of one process; they may go beyond its end."""
    recipe = run.recipe
    return training_batches(
        data.train,
        augment=recipe.augment,
        classes=len(data.class_names),
        batch_size=recipe.images_per_step,
        seed=recipe.seed,
        start_step=start,
        stop_step=stop,
        balance=balance_examples(recipe, data),
    )


def make_session(
    run: ResolvedRun,
    data: DataSet,
    context: DistributedContext,
    writer: RunWriter,
    output: RunOutput,
    callbacks: Sequence[keras.callbacks.Callback] = (),
) -> TrainingSession:
    """Make the network with all that trains it, ready for the first step or for a checkpoint to be restored."""
    workers, devices = context.workers, run.devices
    keras.utils.set_random_seed(run.recipe.seed)
    on = f"{devices.replicas} device{'s' * (devices.replicas > 1)}"
    on += f" of {workers.count} workers" if workers.count > 1 else ""
    parameters = f"{run.plan.trainable:,} parameters"
    output.log(f"{run.plan.name}: {parameters}, {devices.precision_text}, {on}{', XLA' * devices.xla}")
    if devices.kernels_text:
        output.log(f"kernels: {devices.kernels_text}")
    if run.batch_size_text:
        output.log(f"batch_size: {run.batch_size_text}")
    assert run.data
    for note in (*run.data.notes(), *run.notes):
        output.log(note)
    # The other workers receive the chief's weights before the first step.
    initial = writer.directory.initial_model if writer.writes else None
    prepare = partial(start_from_transfer, run, initial, output.log) if run.transfer else None
    trainer = make_trainer(run, context, prepare)
    engine = Engine(trainer, context.strategy, workers.count)
    monitors = Monitors(run.plan, run.recipe, trainer.network, output.log)
    trackers = make_trackers(run, writer.directory, output.log) if writer.writes else []
    hooks = Callbacks(callbacks, trackers=trackers, chief=workers.chief, log=output.log)
    return TrainingSession(run, data, engine, monitors, workers, writer, output, hooks)


def make_trainer(
    run: ResolvedRun, context: DistributedContext, prepare: Callable[[keras.Model], None] | None = None
) -> Trainer:
    """Make the network with what it takes to train it; `prepare` may give it weights, and freeze some, before."""
    plan, recipe, precision = run.plan, run.recipe, run.devices.precision
    with context.strategy.scope():
        network = build_model(plan, precision=precision, seed=recipe.seed, kernels=run.devices.kernels)
        if prepare:
            prepare(network)
        ema, quantize = run.steps.ema, run.steps.quantize
        trainer = Trainer(
            network,
            loss=make_loss(run.steps.objective, metrics=run.steps.epoch_metrics, **loss_balance(recipe, run.described)),
            clip=_make_clip(recipe, plan),
            average=WeightAverage(network, build_model(plan, precision=precision), **ema) if ema else None,
            accumulate_steps=recipe.accumulate_steps,
            loss_scale=make_loss_scale(precision),
            forward=rematerialized_forward(network, plan, recipe.rematerialize) if recipe.rematerialize else None,
            xla=run.devices.xla,
            quantization=FakeQuantization(plan) if quantize else None,
            quantize_from=quantize["start"] if quantize else 0,
        )
        rate = learning_rate(run.steps.learning_rate)
        shares = _rate_shares(network, plan, run.steps.layer_decay)
        trainer.updates = make_optimizer(recipe.optimizer, rate, network.trainable_variables, shares)
        trainer.distillation = _make_distillation(run, network)
    return trainer


def _rate_shares(network: keras.Model, plan: Plan, decay: float | None) -> list[float]:
    """Return the share of the learning rate of each trainable weight; none where each takes all of it."""
    if decay is None:
        return []
    rates = layer_rates(plan, decay)
    shares = {id(weight): rates[layer.name] for layer in network.layers for weight in layer.trainable_weights}
    return [shares[id(weight)] for weight in network.trainable_variables]


def _make_distillation(run: ResolvedRun, student: keras.Model) -> Distillation | None:
    """Return what a run learns from its teacher, with the teacher's network; None without one."""
    distill, teacher = run.recipe.distill, run.teacher
    if distill is None or teacher is None:
        return None
    plan = teacher.plan
    network = build_model(plan, precision=run.devices.precision)
    load_initial_weights(network, plan, Path(teacher.model))
    records = None
    if isinstance(distill, FeatureTargets):
        records = stage_output(run.plan, distill.stage), stage_output(plan, distill.stage)
    return Distillation(distill, network, student, records)


def _make_clip(recipe: Recipe, plan: Plan) -> GradientClipping | None:
    """Return what the recipe does about large gradients; None for nothing."""
    if recipe.gradient_clip_adaptive:
        return AdaptiveClipping(recipe.gradient_clip_adaptive, excluded=tuple(plan.outputs.values()))
    return GlobalNormClipping(recipe.gradient_clip_norm) if recipe.gradient_clip_norm else None


def start_from_transfer(
    run: ResolvedRun, initial: Path | None, log: Callable[[str], None], network: keras.Model
) -> None:
    """Begin with the weights that a run starts from, and hold those of the parts that it freezes.

    Args:
        run: a run that starts from weights.
        initial: their `.keras` file; None where they come from another process.
        log: told what was done.
        network: the run's network.
    """
    transfer = run.transfer
    assert transfer
    count = load_initial_weights(network, run.plan, initial, transfer.new) if initial else 0
    frozen = freeze(network, run.plan, transfer.freeze)
    new = f"; new: {', '.join(transfer.new)}" if transfer.new else ""
    log(f"{count} weights from {transfer.source}{new}; {frozen:,} parameters frozen")
    for sentence in transfer.differing:
        log(f"The network differs: {sentence}.")
