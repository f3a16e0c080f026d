"""XLA around the forward and the backward pass, where the device gains by it."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from kresnet.errors import make_error
from kresnet.graph.layers import FusedBatchNorm
from kresnet.plan import Plan
from kresnet.spec.recipe import Recipe
from kresnet.training.step.losses import Loss


def resolve_xla(recipe: Recipe, plan: Plan, replicas: int) -> bool:
    """Whether XLA compiles the passes; `auto` resolved: on a GPU, if nothing stands against it.

    Raises:
        KresnetError: `contradiction` for `on` where something does.
    """
    norms = (record.settings for record in plan.records if record.kind == "norm")
    against = ""
    if replicas > 1 and any(settings.get("synchronized") for settings in norms):
        against = "XLA compiles what one device does alone, and synchronised norms ask the others within a pass."
    elif recipe.rematerialize:
        against = "A pass that XLA compiles keeps what `rematerialize` would compute again."
    if recipe.xla == "on" and against:
        raise make_error("contradiction", against, path="xla", remedy="--set recipe.xla=auto")
    return recipe.xla == "on" or (recipe.xla == "auto" and bool(tf.config.list_physical_devices("GPU")) and not against)


class CompiledPass:
    """A network's forward and backward pass as one XLA program of tensors.

    Variables are read before it and written after it: a whole step under XLA fails under `tf.distribute`.
    """

    def __init__(self, network: keras.Model, objective: Loss) -> None:
        """Also has the network's norms computed by plain operations from now on: see `FusedBatchNorm.fused`."""
        self.network, self.objective = network, objective
        for layer in network.layers:
            if isinstance(layer, FusedBatchNorm):
                layer.fused = False
        self._run = tf.function(self._pass, jit_compile=True, reduce_retracing=True)

    def __call__(self, images: Any, targets: Any, share: Any) -> tuple[Any, Any, list[Any]]:
        """A pass over one replica's images; moving statistics move.

        Args:
            images: float32 `(n, H, W, C)`.
            targets: what the loss takes.
            share: float32 scalar.

        Returns:
            The network's outputs; the mean loss, a float32 scalar; the gradients of `share` times it, by weight.
        """
        held = self.network.non_trainable_variables
        weights, before = (
            [tf.convert_to_tensor(variable.value) for variable in variables]
            for variables in (self.network.trainable_variables, held)
        )
        outputs, loss, gradients, moved = self._run(weights, before, images, targets, tf.cast(share, tf.float32))
        for index, value in moved.items():
            held[index].assign(value)
        return outputs, loss, gradients

    def _pass(self, weights: list[Any], held: list[Any], images: Any, targets: Any, share: Any) -> tuple[Any, ...]:
        with tf.GradientTape() as tape:
            tape.watch(weights)
            outputs, after = self.network.stateless_call(weights, held, images, training=True)
            loss = tf.reduce_mean(self.objective.of(outputs, targets))
            target = loss * share
        moved = {n: new for n, (old, new) in enumerate(zip(held, after, strict=True)) if new is not old}
        return outputs, loss, tape.gradient(target, weights), moved
