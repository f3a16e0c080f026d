"""Set a run up: its data opened, its network and optimizer made, its loop put together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import keras
import tensorflow as tf

from kresnet.data.augment.augmentation import BatchAugmentation
from kresnet.data.pipeline import training_batches
from kresnet.data.sources import DataSet, open_data
from kresnet.data.sources.balanced import balance_examples, balance_remarks, count_training_classes, loss_balance
from kresnet.data.sources.inspection import inspect_data
from kresnet.data.sources.targets import require_targets
from kresnet.distributed.context import DistributedContext
from kresnet.distributed.devices import gpu_memory
from kresnet.distributed.precision import resolve_precision
from kresnet.errors import KresnetError, make_error
from kresnet.graph import build_model
from kresnet.graph.fake_quantization import FakeQuantization
from kresnet.plan import Plan
from kresnet.plan.memory_estimate import available_memory, estimate_recipe_memory, require_memory
from kresnet.runs.resolved_run import ComputeSettings, ResolvedRun
from kresnet.runs.teacher import Teacher, require_teachable, stage_output
from kresnet.runs.trained_model import open_trained_model
from kresnet.spec.architecture import Features
from kresnet.spec.recipe import Augment, Recipe
from kresnet.spec.recipe.distill import FeatureTargets
from kresnet.spec.recipe.durations import stated_duration
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
from kresnet.training.step.xla import resolve_xla
from kresnet.weights.convert import freeze, load_initial_weights
from kresnet.weights.pretrained.pull import pull_weights
from kresnet.weights.pretrained.weight_names import parse_weight_name


def open_run_data(run: ResolvedRun, context: DistributedContext) -> tuple[ResolvedRun, DataSet]:
    """Open the data of a run, and settle what depends on them and on the devices.

    Raises:
        KresnetError: `contradiction`, `no_effect` or `data_mismatch` where data, network and recipe do not go together;
            what opening the data raises.
    """
    data = _open_suitable_data(run)
    remarks, counts = inspect_data(data), count_training_classes(run.recipe, data)
    run = run.with_data(replace(data.description, class_counts=counts))
    try:
        balance_examples(run.recipe, data)  # refuses names that no class has
        remarks = (*data.description.remarks, *remarks, *balance_remarks(run.recipe, run.described))
    except KresnetError as error:
        raise run.locate(error) from None
    run = replace(run, data=replace(run.described, remarks=remarks), teacher=_open_teacher(run, data))
    replicas, precision = context.strategy.num_replicas_in_sync, context.precision(run.recipe)
    _require_quantizable(run, replicas)
    xla = resolve_xla(run.recipe, run.plan, replicas)
    return run.with_compute(ComputeSettings(replicas, precision.name, str(precision), xla)), data


def _require_quantizable(run: ResolvedRun, replicas: int) -> None:
    """Refuse to round what norms know nothing of yet, or what several devices compute parts of."""
    quantize = run.recipe.quantize
    if quantize is None:
        return
    if replicas > 1:
        message = f"`quantize` takes the ranges of activations on one device, and this run has {replicas}."
        raise make_error(
            "contradiction", message, path="recipe.quantize", remedy="--set recipe.distribution=one_device"
        )
    if stated_duration(quantize, "start_") is None and run.transfer is None:
        message = "From the first step on, norms would be folded that have seen no image."
        raise make_error("contradiction", message, path="recipe.quantize",
                         remedy="--set recipe.quantize.start_epochs=1, or --init RUN")  # fmt: skip


def _open_teacher(run: ResolvedRun, data: DataSet) -> Teacher | None:
    """Open the network that a run learns from, if there is one, and make sure that the two go together."""
    distill = run.recipe.distill
    if distill is None:
        return None
    try:
        name = parse_weight_name(distill.teacher)
        path = Path(distill.teacher) if name is None else pull_weights(name, log=lambda _: None).model
        model = open_trained_model(path)
        if model.is_initial:
            raise make_error("contradiction", f"{model} was built and never trained: nothing can be learned from it.",
                             path="recipe.distill.teacher", remedy="the directory of a trained run")  # fmt: skip
        teacher = Teacher.of_model(distill.teacher, model.model, model.spec, model.class_names)
        require_teachable(distill, teacher, run.spec, run.plan, data.class_names)
    except KresnetError as error:
        raise run.locate(error) from None
    return teacher


def require_training_memory(plan: Plan, recipe: Recipe, workers: int = 1) -> None:
    """Make sure that a step fits by the plan's estimate: into each GPU that trains, or into a machine without one.

    Args:
        plan: of the network.
        recipe: of the run.
        workers: number of workers, which have as many GPUs each.

    Raises:
        KresnetError: `too_large`, with the figures.
    """
    gpus = tf.config.list_physical_devices("GPU")
    if not gpus:
        return require_memory(estimate_recipe_memory(plan, recipe), available_memory())
    replicas = workers * (1 if recipe.distribution == "one_device" else len(gpus))
    recipe = recipe.model_copy(update={"precision": resolve_precision(recipe.precision).name})
    sizes = [size for index in range(len(gpus)) if (size := gpu_memory(index)) is not None]
    holder = "the GPU has" if len(gpus) == 1 else "the smallest GPU has"
    estimate = estimate_recipe_memory(plan, recipe, replicas=replicas)
    return require_memory(estimate, min(sizes, default=None), holder=holder, replicas=replicas)


def _open_suitable_data(run: ResolvedRun) -> DataSet:
    spec, augment = run.spec, run.recipe.augment
    if isinstance(spec.head, Features):
        message = f"`kresnet fit` trains networks of one output; {spec.name} returns feature maps."
        raise make_error("contradiction", message, path="head.kind", remedy="head: {classes: N}")
    data = open_data(run.recipe.data, spec.input, run.recipe.seed)
    require_targets(data, spec, run.plan)
    if not spec.input.is_image and augment != Augment():
        message = "Augmentation is for images, and this network takes vectors."
        raise make_error("contradiction", message, path="recipe.augment", remedy="remove `augment`")
    BatchAugmentation(augment, spec.input)  # refuses what does not suit the images
    return data


def batches_of_steps(run: ResolvedRun, data: DataSet, start: int, stop: int) -> tf.data.Dataset:
    """Return the global batches of steps `start` to `stop - 1` of a run of one process; they may go beyond its end."""
    recipe = run.recipe
    return training_batches(
        data.train,
        augment=recipe.augment,
        classes=len(data.class_names),
        batch_size=recipe.batch_size,
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
        network = build_model(plan, precision=precision, seed=recipe.seed)
        if prepare:
            prepare(network)
        ema, quantize = run.steps.ema, run.steps.quantize
        trainer = Trainer(
            network,
            loss=make_loss(run.steps.objective, **loss_balance(recipe, run.described)),
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
        trainer.updates = make_optimizer(recipe.optimizer, rate, network.trainable_variables)
        trainer.distillation = _make_distillation(run, network)
    return trainer


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
