"""Kinds of what a recipe names, from outside: how losses, optimizers, schedules and so on are registered.

Nothing here imports TensorFlow before a run is made of such a kind.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from kresnet.errors import make_error
from kresnet.spec.implementations import implement
from kresnet.spec.inputs import Input
from kresnet.spec.kinds import OpenUnion
from kresnet.spec.recipe import Loss, Optimizer, Schedule, Tracker
from kresnet.spec.recipe.augment import Augmentation
from kresnet.spec.recipe.data import Data

if TYPE_CHECKING:
    import numpy as np

    from kresnet.data.augment.registered import Apply, Draw
    from kresnet.data.sources import DataSet
    from kresnet.training.loop.trackers.run_tracker import RunTracker
    from kresnet.training.step.optimizers import FusedOptimizer, LearningRate, Update

Settings = TypeVar("Settings", bound=type[OpenUnion])


def register_loss(settings: Settings, function: Callable[[Any, Any, Any], Any]) -> Settings:
    """Register a kind of `loss`. Metrics are those of the head, and `label_smoothing` and mixtures reach the targets.

    Args:
        settings: a model derived from `Loss`, with a literal `kind`.
        function: from settings, logits (or values) float32 `(n, ...)` and targets of that shape to losses float32
            `(n,)`, in TensorFlow. Targets of classes are one-hot.

    Returns:
        The settings.

    Raises:
        KresnetError: `extension_broken` or `extension_conflict`.
    """
    return _registered(Loss, settings, function)


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
    return _registered(Schedule, settings, factor)


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
    return _registered(Augmentation, settings, (draw, apply))


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
    "register_optimizer",
    "register_schedule",
    "register_tracker",
]
