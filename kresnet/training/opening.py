"""Open a run: its data, its teacher, the size of its batches, and the devices that it computes on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import keras
import tensorflow as tf

from kresnet.data.augment.augmentation import BatchAugmentation
from kresnet.data.sources import DataSet, open_data
from kresnet.data.sources.balanced import balance_examples, balance_remarks, count_training_classes
from kresnet.data.sources.inspection import inspect_data
from kresnet.data.sources.targets import require_targets
from kresnet.distributed.context import DistributedContext
from kresnet.distributed.devices import gpu_memory
from kresnet.distributed.float32_products import describe_float32_products
from kresnet.distributed.precision import resolve_precision
from kresnet.errors import KresnetError, make_error
from kresnet.plan import Plan
from kresnet.plan.convolutions import KernelChoice, describe_kernels
from kresnet.plan.memory_estimate import available_memory, estimate_recipe_memory, require_memory
from kresnet.process_memory import release_memory
from kresnet.runs.resolved_run import ComputeSettings, ResolvedRun
from kresnet.runs.teacher import Teacher, require_teachable
from kresnet.runs.trained_model import open_trained_model
from kresnet.spec.architecture import Features
from kresnet.spec.recipe import Augment, Recipe
from kresnet.spec.recipe.durations import stated_duration
from kresnet.training.batch_size import choose_batch_size
from kresnet.training.kernel_tuning import choose_kernels_by_time
from kresnet.training.setup import batches_of_steps, make_trainer
from kresnet.training.step.engine import Engine
from kresnet.training.step.xla import resolve_xla
from kresnet.weights.pretrained.pull import pull_weights
from kresnet.weights.pretrained.weight_names import parse_weight_name


def open_run_data(
    run: ResolvedRun, context: DistributedContext, kernels: Mapping[str, KernelChoice] | None = None
) -> tuple[ResolvedRun, DataSet]:
    """Open the data of a run, and settle what depends on them and on the devices.

    Args:
        run: the run as its documents say it.
        context: its workers and devices.
        kernels: those that the run was begun with; None for one that begins, whose recipe says how they are chosen.

    Raises:
        KresnetError: `contradiction`, `no_effect` or `data_mismatch` where data, network and recipe do not go together;
            `too_large` where not even the least batch fits into memory; what opening the data raises.
    """
    data = _open_suitable_data(run)
    remarks = inspect_data(data)
    if run.recipe.batch_size == "auto":
        run = _settle_batch_size(replace(run, teacher=_open_teacher(run, data)), data, context, remarks)
    return _settle_kernels(_settle(run, data, context, remarks), kernels), data


def _settle_batch_size(
    run: ResolvedRun, data: DataSet, context: DistributedContext, remarks: tuple[str, ...]
) -> ResolvedRun:
    """Return the run with the largest batch that memory holds; a step of it is taken and forgotten."""

    def fits(size: int) -> bool:
        trial = _settle(run.with_batch_size(size), data, context, remarks)
        try:
            keras.utils.set_random_seed(trial.recipe.seed)
            engine = Engine(make_trainer(trial, context), context.strategy)
            engine.train(engine.distribute(batches_of_steps(trial, data, 0, 1)), 1)
            engine.metrics()  # waits for the device
        except tf.errors.ResourceExhaustedError:
            return False
        finally:
            release_memory()
        return True

    recipe = run.recipe.model_copy(update={"precision": context.precision(run.recipe).name})
    try:
        chosen = choose_batch_size(
            run.plan,
            recipe,
            data.description.train_images,
            fits,
            memory=device_memory(),
            replicas=context.strategy.num_replicas_in_sync,
            teacher=run.teacher.plan if run.teacher else None,
        )
    except KresnetError as error:
        raise run.locate(error) from None
    return run.with_batch_size(chosen.size, str(chosen))


def _settle(run: ResolvedRun, data: DataSet, context: DistributedContext, remarks: tuple[str, ...]) -> ResolvedRun:
    """Return the run with what depends on its data and devices, of which `remarks` tells what inspection found."""
    counts = count_training_classes(run.recipe, data)
    run = run.with_data(replace(data.description, class_counts=counts))
    try:
        balance_examples(run.recipe, data)  # refuses names that no class has
        remarks = (*data.description.remarks, *remarks, *balance_remarks(run.recipe, run.described))
    except KresnetError as error:
        raise run.locate(error) from None
    teacher = run.teacher or _open_teacher(run, data)
    run = replace(run, data=replace(run.described, remarks=remarks), teacher=teacher)
    replicas, precision = context.strategy.num_replicas_in_sync, context.precision(run.recipe)
    _require_quantizable(run, replicas)
    xla = resolve_xla(run.recipe, run.plan, replicas)
    products = describe_float32_products(run.recipe.float32_products)
    text = f"{precision}, {products}" if products else str(precision)
    return run.with_compute(ComputeSettings(replicas, precision.name, text, xla))


def _settle_kernels(run: ResolvedRun, kernels: Mapping[str, KernelChoice] | None) -> ResolvedRun:
    """Return the run with the kernels of its convolutions: those that it has, or what its recipe has chosen now."""
    if run.recipe.kernels == "stock":
        return run
    if kernels is not None:
        return run.with_kernels(kernels, describe_kernels(kernels, run.plan))
    if run.devices.xla:
        return run.with_kernels({}, "those that XLA makes")
    images = max(1, run.recipe.images_per_step // (run.devices.replicas * run.recipe.accumulate_steps))
    tuned = choose_kernels_by_time(run.plan, images, run.devices.precision)
    return run.with_kernels(tuned.choices, tuned.text)


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
    if recipe.batch_size == "auto":
        return None
    gpus = tf.config.list_physical_devices("GPU")
    if not gpus:
        return require_memory(estimate_recipe_memory(plan, recipe), device_memory())
    replicas = workers * (1 if recipe.distribution == "one_device" else len(gpus))
    recipe = recipe.model_copy(update={"precision": resolve_precision(recipe.precision).name})
    holder = "the GPU has" if len(gpus) == 1 else "the smallest GPU has"
    estimate = estimate_recipe_memory(plan, recipe, replicas=replicas)
    return require_memory(estimate, device_memory(), holder=holder, replicas=replicas)


def device_memory() -> int | None:
    """Return the bytes of the smallest GPU, or those that a machine without one has left; None where unknown."""
    gpus = tf.config.list_physical_devices("GPU")
    if not gpus:
        return available_memory()
    sizes = [size for index in range(len(gpus)) if (size := gpu_memory(index)) is not None]
    return min(sizes, default=None)


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


__all__ = ["device_memory", "open_run_data", "require_training_memory"]
