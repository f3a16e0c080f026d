"""Kinds of what a recipe names, from outside: how losses, metrics, optimizers, schedules and so on are registered.

Nothing here imports TensorFlow before a run is made of such a kind.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from kresnet.errors import make_error
from kresnet.spec.implementations import implement
from kresnet.spec.inputs import Input
from kresnet.spec.kinds import OpenUnion
from kresnet.spec.recipe import Loss, Metric, Optimizer, Schedule, Tracker
from kresnet.spec.recipe.augment import Augmentation
from kresnet.spec.recipe.data import Data
from kresnet.training.step.metric_forms import MetricForm

if TYPE_CHECKING:
    import numpy as np

    from kresnet.data.augment.augmentation import BatchTransform
    from kresnet.data.augment.registered import Apply, Draw
    from kresnet.data.sources import DataSet
    from kresnet.plan.objective import Objective
    from kresnet.plan.resolved_recipe import LearningRatePlan
    from kresnet.training.loop.trackers.run_tracker import RunTracker
    from kresnet.training.step.losses import ClassBalance, LossFunction
    from kresnet.training.step.optimizers import FusedOptimizer, LearningRate, Update

Settings = TypeVar("Settings", bound=type[OpenUnion])


def register_loss(settings: Settings, function: Callable[[Any, Any, Any], Any]) -> Settings:
    """Register a kind of `loss`. Measured is what suits the head; `label_smoothing` and mixtures reach the targets.

    Args:
        settings: a model derived from `Loss`, with a literal `kind`.
        function: from settings, logits (or values) float32 `(n, ...)` and targets of that shape to losses float32
            `(n,)`, in TensorFlow. Targets of classes are one-hot.

    Returns:
        The settings.

    Raises:
        KresnetError: `extension_broken` or `extension_conflict`.
    """

    def make(of: Loss, objective: Objective, balance: ClassBalance) -> LossFunction:
        from kresnet.training.step.losses import RegisteredLoss

        return RegisteredLoss(of, objective, function)

    return _registered(Loss, settings, make)


def register_metric(settings: Settings, form: MetricForm) -> Settings:
    """Register a kind of `metrics`, which recipes name, and by which epochs can be judged.

    Args:
        settings: a model derived from `Metric`, with a literal `kind`; it says on which `targets` it can be measured,
            whether `lower_is_better`, and how it is called (`name`).
        form: its functions: `ExampleMetric`, the mean of a number that each example has; `SumMetric`, sums over all
            examples; `MatrixMetric`, of the confusion matrix; `OutputMetric`, of all outputs at once. The first three
            add up over batches, replicas and workers.

    Returns:
        The settings.

    Raises:
        KresnetError: `extension_broken` or `extension_conflict`.
    """
    if not isinstance(form, MetricForm):
        message = "A metric is an ExampleMetric, a SumMetric, a MatrixMetric or an OutputMetric."
        raise make_error("extension_broken", message, found=repr(form)[:60])
    return _registered(Metric, settings, form)


def register_optimizer(settings: Settings, update: Update, *, slots: int = 0) -> Settings:
    """Register a kind of `optimizer`. Its slots and its count of updates are part of a run's state.

    Args:
        settings: a model derived from `Optimizer`, with a literal `kind` and `learning_rate`.
        update: changes one weight, a `tf.Variable`: `update(settings, weight, gradient, rate, step, slots, is_kernel)`;
            `step` counts from 1, each of `slots` is a variable of the weight's shape that begins at 0.
        slots: how many of them a weight has.

    Returns:
        The settings.

    Raises:
        KresnetError: `extension_broken` or `extension_conflict`.
    """
    if "learning_rate" not in getattr(settings, "model_fields", ()):
        message = "An optimizer must have the field `learning_rate`, which the schedule is a share of."
        raise make_error("extension_broken", message, found=repr(settings)[:60])

    def make(of: Optimizer, rate: LearningRate, weights: Sequence[Any], shares: Sequence[float] = ()) -> FusedOptimizer:
        from kresnet.training.step.optimizers import RegisteredOptimizer

        return RegisteredOptimizer(of, rate, weights, shares, rule=update, slots=slots)

    return _registered(Optimizer, settings, make)


def register_schedule(settings: Settings, factor: Callable[[Any, Any, Any], Any]) -> Settings:
    """Register a kind of `schedule`.

    Args:
        settings: a model derived from `WarmUp`, or from `Schedule` for one without warm-up, with a literal `kind`.
        factor: from settings, the step and the progress after the warm-up, from 0 to 1, to the share of the peak
            learning rate; step and progress are float32 tensors of any one shape.

    Returns:
        The settings.

    Raises:
        KresnetError: `extension_broken` or `extension_conflict`.
    """

    def make(rate: LearningRatePlan) -> Callable[[Any, Any], Any]:
        stated = settings.model_validate({"kind": rate.shape, **rate.settings})

        def factor_at(step: Any, progress: Any) -> Any:
            import tensorflow as tf

            return tf.cast(factor(stated, step, progress), tf.float32)

        return factor_at

    return _registered(Schedule, settings, make)


def register_augmentation(settings: Settings, draw: Draw, apply: Apply) -> Settings:
    """Register a kind of change for `augment.others`; an exact resumption repeats it.

    Args:
        settings: a model derived from `Augmentation`, with a literal `kind`.
        draw: from settings and `ExampleRng` to a tuple of NumPy arrays `(B, ...)`, of its numbers alone.
        apply: from settings, images uint8 `(B, H, W, C)` and what was drawn, as tensors, to images, in TensorFlow.

    Returns:
        The settings.

    Raises:
        KresnetError: `extension_broken` or `extension_conflict`.
    """

    def make(of: Augmentation, input: Input, place: int) -> BatchTransform:
        from kresnet.data.augment.registered import RegisteredTransform

        return RegisteredTransform((draw, apply), of, place)

    return _registered(Augmentation, settings, make)


def register_data_source(settings: Settings, read: Callable[[Any], Mapping[str, np.ndarray]]) -> Settings:
    """Register a kind of `data`.

    Args:
        settings: a model derived from `DataSource`, with a literal `kind`.
        read: from settings to arrays, named as in a file of the kind `arrays`: `train_inputs`, `train_targets`,
            `test_inputs`, `test_targets`, and `class_names` if there are names.

    Returns:
        The settings.

    Raises:
        KresnetError: `extension_broken` or `extension_conflict`.
    """

    def open_source(data: Data, input: Input) -> DataSet:
        from kresnet.data.sources.arrays import data_of_arrays

        return data_of_arrays(data.kind, dict(read(data)), input)

    return _registered(Data, settings, open_source)


def register_tracker(settings: Settings, make: Callable[[Any], RunTracker]) -> Settings:
    """Register a kind of `trackers`.

    Args:
        settings: a model derived from `Tracker`, with a literal `kind`.
        make: from settings to a `RunTracker`.

    Returns:
        The settings.

    Raises:
        KresnetError: `extension_broken` or `extension_conflict`.
    """
    return _registered(Tracker, settings, make)


def _registered(union: type[OpenUnion], settings: Settings, implementation: Any) -> Settings:
    union.register(settings)
    implement(settings, implementation)
    return settings


__all__ = [
    "register_augmentation",
    "register_data_source",
    "register_loss",
    "register_metric",
    "register_optimizer",
    "register_schedule",
    "register_tracker",
]
