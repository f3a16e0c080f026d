"""Passes and updates compiled by XLA, where a recipe asks for it or the device gains by it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import keras
import tensorflow as tf

from kresnet.errors import make_error
from kresnet.graph.layers import FusedBatchNorm, MaxPooling2D, assign_locally
from kresnet.plan import Plan
from kresnet.spec.recipe import Recipe
from kresnet.training.step.losses import LossFunction


def resolve_xla(recipe: Recipe, plan: Plan, replicas: int) -> bool:
    """Return whether XLA compiles the passes. `auto` means: on a GPU, if the network and the recipe allow it.

    Raises:
        KresnetError: `contradiction` for `on` where they do not.
    """
    norms = (record.settings for record in plan.records if record.kind == "norm")
    against = ""
    if replicas > 1 and any(settings.get("synchronized") for settings in norms):
        against = "XLA compiles what one device does alone, and synchronised norms ask the others within a pass."
    elif recipe.distill:
        against = "A pass that XLA compiles is that of one network, and `distill` asks another within it."
    elif recipe.rematerialize:
        against = "A pass that XLA compiles keeps what `rematerialize` would compute again."
    elif recipe.quantize:
        against = "XLA compiles the network's own pass, and `quantize` rounds within it."
    if recipe.xla == "on" and against:
        raise make_error("contradiction", against, path="xla", remedy="--set recipe.xla=auto")
    return recipe.xla == "on" or (recipe.xla == "auto" and bool(tf.config.list_physical_devices("GPU")) and not against)


class CompiledPass:
    """A network's forward and backward pass as one XLA program.

    It takes and returns tensors. Variables are read before it and written after it, since a whole step compiled by XLA
    fails under `tf.distribute`.
    """

    def __init__(self, network: keras.Model, objective: LossFunction) -> None:
        """Make the program; layers turn to what XLA compiles well: `FusedBatchNorm.fused`, `MaxPooling2D.compiled`."""
        self.network, self.objective = network, objective
        self._local: set[int] = set()  # ids of what each replica moves by itself
        for layer in network.layers:
            if isinstance(layer, FusedBatchNorm):
                layer.fused = False
                self._local |= set() if layer.averages else {id(layer.moving_mean), id(layer.moving_variance)}
            elif isinstance(layer, MaxPooling2D):
                layer.compiled = None not in layer.input.shape[1:3]
        self._run = tf.function(self._pass, jit_compile=True, reduce_retracing=True, autograph=False)

    def __call__(
        self, images: Any, targets: Any, loss_weight: Any, example_weights: Any = None
    ) -> tuple[Any, Any, list[Any]]:
        """Run the pass over one replica's images, and update the moving statistics.

        Args:
            images: float32 `(n, H, W, C)`.
            targets: targets as the loss takes them.
            loss_weight: float32 scalar that the loss is multiplied by before it is differentiated.
            example_weights: float32 `(n,)`, what each image's loss is multiplied by; None for nothing.

        Returns:
            The network's outputs; the mean loss, a float32 scalar; the gradients of `loss_weight` times that loss, one
            for each trainable weight.
        """
        variables = self.network.non_trainable_variables
        weights, before = (
            [tf.convert_to_tensor(variable.value) for variable in each]
            for each in (self.network.trainable_variables, variables)
        )
        factor = tf.cast(loss_weight, tf.float32)
        outputs, loss, gradients, moved = self._run(weights, before, images, targets, factor, example_weights)
        for index, value in moved.items():
            if id(variables[index]) in self._local:
                assign_locally(variables[index], value)
            else:
                variables[index].assign(value)
        return outputs, loss, gradients

    def _pass(
        self,
        weights: list[Any],
        statistics: list[Any],
        images: Any,
        targets: Any,
        loss_weight: Any,
        example_weights: Any,
    ) -> tuple[Any, ...]:
        with tf.GradientTape() as tape, _rectifying_norms(self.network):
            tape.watch(weights)
            outputs, after = self.network.stateless_call(weights, statistics, images, training=True)
            loss = self.objective.mean_loss(outputs, targets, example_weights)
            weighted_loss = loss * loss_weight
        moved = {n: new for n, (old, new) in enumerate(zip(statistics, after, strict=True)) if new is not old}
        return outputs, loss, tape.gradient(weighted_loss, weights), moved


@contextlib.contextmanager
def _rectifying_norms(network: keras.Model) -> Iterator[None]:
    """Have each norm that only a ReLU reads apply it, while the pass is traced: see `FusedBatchNorm.rectifies`."""
    pairs = [
        (norm, layer)
        for layer in network.layers
        if isinstance(layer, keras.layers.Activation)
        and layer.activation is keras.activations.relu
        and isinstance(norm := layer.input._keras_history.operation, FusedBatchNorm)
        and norm.trainable
        and len(norm._outbound_nodes) == 1
    ]
    for norm, layer in pairs:
        norm.rectifies, layer.activation = True, keras.activations.linear
    try:
        yield
    finally:
        for norm, layer in pairs:
            norm.rectifies, layer.activation = False, keras.activations.relu


class CompiledUpdate:
    """What a step does with its gradients as one XLA program of one device, which decides by itself whether to do it.

    `tf.cond` would have the host wait for every step's gradients, and an update is a kernel for each weight; here both
    are chosen and computed in a few kernels, while the host is steps ahead.
    """

    def __init__(self, update: Callable[[list[Any], Any], None], variables: Callable[[], Sequence[Any]]) -> None:
        """Make the program.

        Args:
            update: updates the weights from the gradients and their global norm.
            variables: returns all variables that `update` changes.
        """
        self._update, self._variables = update, variables
        self._run = tf.function(self._choose, jit_compile=True, autograph=False)

    def __call__(self, gradients: list[Any], loss: Any, live: Any, moved: list[Any], before: list[Any]) -> Any:
        """Update the weights if `live`, the loss and the gradients are finite; else all keeps its values.

        Args:
            gradients: gradients of the weights, summed over the replicas.
            loss: float32 scalar.
            live: bool scalar.
            moved: variables that the forward pass has changed.
            before: their values before it.

        Returns:
            A bool scalar, whether loss and gradients are finite.
        """
        after = [variable.read_value() for variable in moved]
        finite, kept = self._run(list(gradients), loss, tf.convert_to_tensor(live), after, before)
        for variable, value in zip(moved, kept, strict=True):
            tf.raw_ops.AssignVariableOp(resource=variable.handle, value=value)
        return finite

    def _choose(self, gradients: list[Any], loss: Any, live: Any, after: list[Any], before: list[Any]) -> Any:
        norm = tf.linalg.global_norm(gradients)
        finite = tf.math.is_finite(norm) & tf.math.is_finite(loss)
        taken = finite & live
        variables = self._variables()
        old = [variable.read_value() for variable in variables]
        self._update(gradients, norm)
        for variable, value in zip(variables, old, strict=True):
            chosen = tf.where(taken, variable.read_value(), value)
            tf.raw_ops.AssignVariableOp(resource=variable.handle, value=chosen)
        return finite, [tf.where(taken, new, kept) for new, kept in zip(after, before, strict=True)]
