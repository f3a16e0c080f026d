"""kresnet's training step in Keras's own `fit`."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from kresnet.training.step.trainer import Trainer


class KerasTrainer(keras.Model):
    """A `keras.Model` whose `fit` and `evaluate` take the steps of a `Trainer`.

    For callbacks and tools that expect a Keras model. `kresnet fit` has a loop of its own, which also resumes exactly
    and runs several steps a call; both take the same steps.

    Args:
        trainer: a network with its loss and its optimizer (`trainer.updates`).

    Examples:
        model = KerasTrainer(trainer)
        model.compile()
        model.fit(dataset, epochs=3)  # of batches (images, targets), or (images, targets, weights)
    """

    def __init__(self, trainer: Trainer) -> None:
        super().__init__(name=f"train_{trainer.network.name}")
        self.network, self._trainer = trainer.network, trainer
        self._means = [keras.metrics.Mean(name=name) for name in trainer.objective.metrics]

    @property
    def metrics(self) -> list[keras.metrics.Metric]:
        """The means of the loss and of the other metrics, reset by Keras at the start of each epoch."""
        return self._means

    def compile(self, **settings: Any) -> None:
        """Make ready for `fit`; the loss and the optimizer are the trainer's.

        Raises:
            ValueError: for a loss, metrics or an optimizer, which `fit` would not use.
        """
        if unused := {"loss", "metrics", "weighted_metrics", "optimizer", "loss_weights"} & settings.keys():
            raise ValueError(f"{', '.join(sorted(unused))}: the trainer has its own.")
        super().compile(**{"jit_compile": False, **settings})

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        """Run the network."""
        return self.network(inputs, training=training)

    def train_step(self, data: tuple[Any, ...]) -> dict[str, Any]:
        """Make one update; return the means of the epoch so far."""
        results = self._trainer.train_step(data)
        weight = tf.cast(results["finite"], tf.float32)  # a step that was not taken counts for nothing
        for mean in self._means:
            mean.update_state(tf.where(results["finite"], results[mean.name], 0.0), sample_weight=weight)
        return {mean.name: mean.result() for mean in self._means}

    def test_step(self, data: tuple[Any, Any]) -> dict[str, Any]:
        """Evaluate a batch; return the means over the data set so far."""
        images, targets = data
        sums = self._trainer.test_step((images, targets, tf.ones(tf.shape(images)[0])))
        for mean in self._means:
            mean.update_state(sums[mean.name] / sums["weight"], sample_weight=sums["weight"])
        return {mean.name: mean.result() for mean in self._means}
