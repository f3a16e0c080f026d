"""The part of the loss that is learned from a teacher, which sees the pixels that the student sees, in inference mode.

The teacher is no part of the network that is trained: it has no gradient, no optimizer, and is in no checkpoint.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

from kresnet.spec.recipe.distill import Distill, FeatureTargets, SoftTargets


class Distillation:
    """A teacher, and what is learned from it.

    Attributes:
        student_record: name of the layer of the student whose map is compared; None where its outputs are.
    """

    def __init__(
        self,
        settings: Distill,
        teacher: keras.Model,
        student: keras.Model,
        records: tuple[str, str] | None = None,
    ) -> None:
        """Make ready to teach.

        Args:
            settings: what is learned.
            teacher: the trained network.
            student: the network that learns.
            records: names of the layers of student and teacher whose maps are compared; None for their outputs.
        """
        self._settings, self._teacher = settings, teacher
        self.student_record = records[0] if records else None
        self._student = student
        if records:
            teacher.trainable = False
            self._teacher = keras.Model(teacher.input, teacher.get_layer(records[1]).output)
            self._student = keras.Model(student.input, [student.output, student.get_layer(records[0]).output])

    def teach(self, images: Any) -> Any:
        """Return what the teacher says to float32 images of 0 to 255, in float32, through which no gradient goes."""
        return tf.stop_gradient(tf.cast(self._teacher(images, training=False), tf.float32))

    def forward(self, images: Any, forward: Callable[[Any], Any]) -> tuple[Any, Any]:
        """Return the student's outputs in training mode, and what is compared with what the teacher says.

        Args:
            images: float32 `(n, H, W, C)`.
            forward: the network in training mode.
        """
        if self.student_record is None:
            outputs = forward(images)
            return outputs, outputs
        return tuple(self._student(images, training=True))

    def mix(self, loss: Any, compared: Any, taught: Any) -> Any:
        """Return the whole loss: that of the labels, and what is learned from the teacher, each a mean over images.

        Args:
            loss: of the labels, float32 scalar.
            compared: of the student, `(n, classes)` logits or a map `(n, h, w, c)`.
            taught: the same of the teacher.
        """
        compared, settings = tf.cast(compared, tf.float32), self._settings
        if isinstance(settings, FeatureTargets):
            return loss + settings.weight * tf.reduce_mean(squared_distances(compared, taught))
        return (1.0 - settings.weight) * loss + settings.weight * tf.reduce_mean(self._class_losses(compared, taught))

    def _class_losses(self, logits: Any, taught: Any) -> Any:
        if isinstance(self._settings, SoftTargets):
            temperature = self._settings.temperature
            soft = tf.nn.softmax(taught / temperature)
            losses = tf.nn.softmax_cross_entropy_with_logits(soft, logits / temperature)
            return losses * temperature**2
        likeliest = tf.one_hot(tf.argmax(taught, -1), logits.shape[-1])
        return tf.nn.softmax_cross_entropy_with_logits(likeliest, logits)


def squared_distances(maps: Any, others: Any) -> Any:
    """Return the squared distance of each image's map from another's, both scaled to length 1: 0 to 4, `(n,)`."""
    if maps.shape[-1] != others.shape[-1]:
        maps, others = (tf.reduce_mean(tf.square(each), -1) for each in (maps, others))
    maps, others = (_unit(each) for each in (maps, others))
    return tf.reduce_sum(tf.square(maps - others), -1)


def _unit(maps: Any) -> Any:
    return tf.math.l2_normalize(tf.reshape(maps, (tf.shape(maps)[0], -1)), -1)


__all__ = ["Distillation", "squared_distances"]
