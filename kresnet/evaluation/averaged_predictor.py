"""A network asked for several views of each image: test-time augmentation; importing this imports TensorFlow."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import tensorflow as tf

from kresnet.evaluation.predictor import Predictor
from kresnet.evaluation.reliability import probabilities_of
from kresnet.evaluation.views import Tta, image_input


class AveragedPredictor(Predictor):
    """A network whose predictions are means over views of each image, of probabilities where it is a classifier.

    Its `outputs` are logits of the mean probabilities, which have been calibrated before where the network is.
    """

    def __init__(self, predictor: Predictor, tta: Tta) -> None:
        """Take the network, and which views it is asked for."""
        self.spec, self.plan, self.class_names = predictor.spec, predictor.plan, predictor.class_names
        self.name, self.temperatures = predictor.name, None
        self._predictor, self._tta = predictor, tta

    def outputs(self, inputs: Any) -> np.ndarray:
        """See `Predictor.outputs`; images of `image_input`'s size, or of the network's own."""
        answers = [self._predictor.outputs(view).astype(np.float64) for view in self._each_view(inputs)]
        if self.plan.probabilities is None:
            return np.mean(answers, axis=0).astype(np.float32)
        independent = self.plan.probabilities == "sigmoid"
        temperatures = np.asarray(self._predictor.temperatures or 1.0)
        mean = np.mean([probabilities_of(each, independent, temperatures) for each in answers], axis=0)
        likely = np.log(np.maximum(mean, np.finfo(np.float64).tiny))
        if independent:
            likely -= np.log(np.maximum(1 - mean, np.finfo(np.float64).eps))
        return likely.astype(np.float32)

    def probabilities(self, inputs: Any) -> np.ndarray:
        """See `Predictor.probabilities`."""
        return probabilities_of(self.outputs(inputs), self.plan.probabilities == "sigmoid").astype(np.float32)

    def _each_view(self, images: Any) -> Iterator[Any]:
        if self._tta == "flip":
            yield images
            yield np.asarray(images)[:, :, ::-1]
            return
        height, width = self.spec.input.shape[:2]
        pixels = np.asarray(images)
        if pixels.shape[1:3] == (height, width):
            larger = image_input(self.spec.input, self._tta).shape[:2]
            pixels = np.rint(tf.image.resize(pixels, larger, antialias=True).numpy())
        bottom, right = pixels.shape[1] - height, pixels.shape[2] - width
        for top, left in ((0, 0), (0, right), (bottom, 0), (bottom, right), (bottom // 2, right // 2)):
            yield pixels[:, top : top + height, left : left + width]


__all__ = ["AveragedPredictor"]
