"""The network that a check examines, with its weights and a batch to run through it, from a SPEC or a RUN."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from kresnet.data.balance import ExampleBalance
from kresnet.data.embedded import read_embedded
from kresnet.data.pipeline import training_batches
from kresnet.data.sources import open_data
from kresnet.data.sources.array_source import ArraySource
from kresnet.data.sources.balanced import balance_examples
from kresnet.data.splits import naming_unreadable_images
from kresnet.distributed.devices import make_strategy
from kresnet.distributed.precision import resolve_precision
from kresnet.errors import make_error
from kresnet.graph import build_model
from kresnet.graph.handlers import BatchNorm
from kresnet.graph.layers import FusedBatchNorm
from kresnet.plan import Plan, plan_loaded
from kresnet.plan.memory_estimate import available_memory, bytes_text, estimate_memory
from kresnet.plan.objective import resolve_objective
from kresnet.runs.checkpoints import CheckpointStore
from kresnet.runs.resolved_run import ResolvedRun, recipe_of, resolve_run
from kresnet.runs.run_directory import RunDirectory
from kresnet.runs.trained_data import compare_data
from kresnet.spec.architecture import Classifier, Spec
from kresnet.spec.loading import Reference, load_recipe, load_spec
from kresnet.spec.overrides import Overrides, split_overrides
from kresnet.spec.recipe import Recipe
from kresnet.training.step.engine import Engine
from kresnet.training.step.loss_scale import make_loss_scale
from kresnet.training.step.losses import MeanSquaredError, make_loss
from kresnet.training.step.trainer import Trainer
from kresnet.weights.convert import load_model

#: A probed step keeps inputs, outputs and their gradients, and float64 copies of a layer's at a time; this many times
#: the memory of a plain step was seen to be enough.
MEMORY_FACTOR = 3


@dataclass(frozen=True, slots=True)
class NetworkUnderTest:
    """A network about to be examined.

    Attributes:
        label: name of the network, with the settings that were overridden.
        plan: the network's plan.
        engine: runs the network under the recipe's strategy.
        images: images or vectors of the global batch, on the host.
        targets: targets of the global batch, on the host.
        precision: precision of activations and products.
        provenance: where weights, data and loss come from, for people.
    """

    label: str
    plan: Plan
    engine: Engine
    images: Any
    targets: Any
    precision: str
    provenance: tuple[str, ...]

    def batch(self) -> Any:
        """Return the batch, split among the replicas."""
        count = len(self.images)
        whole = tf.data.Dataset.from_tensor_slices((self.images, self.targets)).batch(count, drop_remainder=True)
        return next(self.engine.distribute(whole))


class HalfSquaredDistance(MeanSquaredError):
    """A loss for networks without a classifier: the squared distance of all outputs from given targets."""

    def example_losses(self, outputs: Any, targets: Any, *, training: bool = True) -> Any:
        """Return ½ Σ (output − target)² of each example, over all outputs, float32 `(n,)`."""
        pairs = zip(tf.nest.flatten(outputs), tf.nest.flatten(targets), strict=True)
        return tf.add_n([0.5 * tf.reduce_sum(tf.square(a - b), list(range(1, len(a.shape)))) for a, b in pairs])


def open_network_under_test(
    reference: Reference | RunDirectory,
    *,
    recipe: Reference | None = None,
    overrides: Overrides = (),
    batch: int,
    batch_norm: BatchNorm = FusedBatchNorm,
    plan: Plan | None = None,
) -> NetworkUnderTest:
    """Build the network that `reference` means, and read a batch for it.

    Args:
        reference: a spec, or a run, or its directory.
        recipe: the one that names the data; else the spec's, else embedded images.
        overrides: of the spec, and with `recipe.` of the recipe.
        batch: images over all replicas.
        batch_norm: the layer that batch norms become.
        plan: the plan of a spec, where it has been made and no override changes the spec.

    Raises:
        KresnetError: bad input, as `kresnet fit` tells it; `bad_option` for a batch that replicas cannot share;
            `too_large` for one that does not fit in memory.
    """
    directory = None
    if isinstance(reference, str | os.PathLike) and Path(reference).is_dir():
        reference = RunDirectory.open(Path(reference))
    if isinstance(reference, RunDirectory):
        directory = reference
        run, own_data = _resolve_trained(directory, recipe, overrides), True
    else:
        run, own_data = _resolve_untrained(reference, recipe, overrides, plan)
    spec, plan, chosen = run.spec, run.plan, run.recipe
    _require_memory(plan, batch)
    images, targets, data_provenance = _read_batch(spec, plan, chosen, batch, directory, adapt=not own_data)
    strategy, precision = make_strategy(chosen.distribution), resolve_precision(chosen.precision).name
    if batch % strategy.num_replicas_in_sync:
        message = f"{strategy.num_replicas_in_sync} replicas cannot share a batch of {batch}."
        raise make_error("bad_option", message, remedy=f"--batch {batch * strategy.num_replicas_in_sync}")
    with strategy.scope():
        network = build_model(plan, precision=precision, seed=chosen.seed, batch_norm=batch_norm)
        weights_provenance = _load_weights(network, directory)
        loss = make_loss(resolve_objective(plan)) if isinstance(spec.head, Classifier) else HalfSquaredDistance()
        engine = Engine(Trainer(network, loss=loss, loss_scale=make_loss_scale(precision)), strategy)
    of_spec, _ = split_overrides(overrides)
    label = plan.name + (f" ({', '.join(map(str, of_spec))})" if of_spec else "")
    provenance = (weights_provenance, *data_provenance)
    return NetworkUnderTest(label, plan, engine, images, targets, precision, provenance)


def _resolve_trained(directory: RunDirectory, recipe: Reference | None, overrides: Overrides) -> ResolvedRun:
    """Return a run as it was trained, some settings of its recipe changed."""
    of_spec, of_recipe = split_overrides(overrides)
    if recipe or of_spec:
        message = "A run is examined as it was trained; only settings of its recipe can be changed."
        raise make_error("bad_option", message, remedy="--set recipe.precision=bfloat16")
    return replace(directory.resolved, loaded_recipe=load_recipe(directory.resolved.loaded_recipe, of_recipe))


def _resolve_untrained(
    reference: Reference, recipe: Reference | None, overrides: Overrides, plan: Plan | None
) -> tuple[ResolvedRun, bool]:
    """Return the run of a spec, and whether its images are those of a recipe that somebody chose; else any will do."""
    of_spec, of_recipe = split_overrides(overrides)
    loaded = load_spec(reference, of_spec)
    plan = plan_loaded(loaded) if plan is None or of_spec else plan
    own = recipe_of(loaded, recipe, of_recipe)
    data_chosen = recipe is not None or any(str(override).startswith("data") for override in of_recipe)
    if own and (data_chosen or own.value.data.kind == "embedded"):
        return resolve_run(loaded, own, plan=plan), True
    return resolve_run(loaded, load_recipe("quickstart", of_recipe), plan=plan), False


def _require_memory(plan: Plan, batch: int) -> None:
    """Raise `KresnetError` (`too_large`) if a probed step of `batch` images does not fit into memory."""
    needed, available = MEMORY_FACTOR * estimate_memory(plan, batch, training=True).total, available_memory()
    if available is not None and needed > available:
        message = f"Examining {plan.name} on {batch} images takes about {bytes_text(needed)} of memory."
        found = f"{bytes_text(available)}, which is what this machine has left"
        raise make_error("too_large", message, found=found, remedy=f"--batch {max(2, batch * available // needed)}")


def _load_weights(network: keras.Model, run: RunDirectory | None) -> str:
    """Give the network the weights of a run: the final ones, else those of its newest checkpoint."""
    if run is None:
        return "initial weights"
    if run.model.is_file():
        network.set_weights(load_model(run.model, run.resolved.plan).get_weights())
        return f"weights of {run.model}"
    checkpoint, _ = CheckpointStore(run.checkpoints, 1).latest()
    if checkpoint is None:
        return "initial weights, since the run has saved none"
    for index, variable in enumerate(network.variables):  # the order of `Engine.variables`
        variable.assign(checkpoint.arrays[f"{index:05d}"])
    return f"weights of {run} after step {checkpoint.step}"


def _read_batch(
    spec: Spec, plan: Plan, recipe: Recipe, count: int, trained: RunDirectory | None, *, adapt: bool
) -> tuple[Any, Any, tuple[str, ...]]:
    """Return inputs, targets, and where they come from."""
    random = np.random.default_rng(recipe.seed)
    if not spec.input.is_image:
        images = random.standard_normal((count, *spec.input.shape)).astype(np.float32)
        provenance: tuple[str, ...] = ("synthetic vectors (standard normal)",)
        labels = random.integers(0, 10**6, count)
    elif adapt and recipe.data.kind == "embedded":
        images, labels = _embedded_batch(spec, count)
        provenance = (
            "embedded images (Fashion-MNIST) brought to the network's input: resized, grey repeated over channels",
        )
    else:
        images, labels, provenance = _first_training_batch(spec, recipe, count, trained)
    if isinstance(spec.head, Classifier):
        classes = spec.head.classes
        if spec.input.is_image and labels.max() >= classes:
            message = f"The data have labels up to {labels.max()}, the head {classes} classes."
            raise make_error(
                "data_mismatch", message, path="head.classes", remedy=f"--set head.classes={labels.max() + 1}"
            )
        return images, (labels % classes).astype(np.int32), provenance
    targets = {
        name: random.standard_normal((count, *plan.by_name[record].shape)).astype(np.float32)
        for name, record in plan.outputs.items()
    }
    single = next(iter(targets.values())) if len(targets) == 1 else targets
    return (
        images,
        single,
        (*provenance, "squared error against standard normal targets, since the network has no classifier"),
    )


def _first_training_batch(
    spec: Spec, recipe: Recipe, count: int, trained: RunDirectory | None
) -> tuple[Any, Any, tuple[str, ...]]:
    """Return the batch of a training run's first step, and where it comes from."""
    data = open_data(recipe.data, spec.input, recipe.seed)
    differences = compare_data(trained.data_description(), data.description, trained, data.name) if trained else ()
    batches = training_batches(
        data.train,
        augment=recipe.augment,
        classes=len(data.class_names),
        batch_size=count,
        seed=recipe.seed,
        start_step=0,
        stop_step=1,
        balance=ExampleBalance(draws=balance_examples(recipe, data).draws),  # the loss checked is the head's own
    )
    with naming_unreadable_images(data.train):
        images, labels, *_ = next(iter(batches))
    return images.numpy(), labels.numpy(), (f"images of {data.name}, as in the first step of a run", *differences)


def _embedded_batch(spec: Spec, count: int) -> tuple[Any, Any]:
    """Return embedded images brought to the network's input, and their labels."""
    arrays = read_embedded()
    available = len(arrays["train_images"])
    if count > available:
        raise make_error(
            "bad_option", f"There are {available} embedded images.", found=str(count), remedy=f"--batch {available}"
        )
    images = np.repeat(arrays["train_images"][:count], spec.input.shape[-1], axis=-1)
    source = ArraySource(images, arrays["train_labels"][:count], spec.input)
    pixels, labels = source.fetch(tf.range(count, dtype=tf.int64))
    return pixels.numpy(), labels.numpy()
