"""Test-time augmentation: the mean prediction over several views of each image; importing this imports TensorFlow."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

import numpy as np
import tensorflow as tf

from kresnet.evaluation.predictor import Predictor
from kresnet.evaluation.reliability import probabilities_of
from kresnet.spec.inputs import CenterCrop, Input

#: The image and its mirror image; or four corners and the centre of a somewhat larger image.
Views = Literal["flip", "five_crop"]

#: How many times larger than a crop the image is that five are taken from, where the spec's `resize` leaves no margin:
#: 256 pixels for crops of 224, as in Krizhevsky et al. 2012, section 4.1.
MARGIN = 8 / 7


def image_input(input: Input, views: Views | None) -> Input:
    """Return the input by which images are to be read, so that the views can be taken of them.

    For five crops that is a larger image: with `center_crop`, all of the centre at the size that `shorter_side` gives
    it; where nothing is cut away, the image at `MARGIN` times the size.
    """
    if views != "five_crop":
        return input
    height, width, channels = input.shape
    rule, shorter = input.resize, min(height, width)
    cut = isinstance(rule, CenterCrop) and rule.shorter_side > shorter
    factor = rule.shorter_side / shorter if isinstance(rule, CenterCrop) and cut else MARGIN
    larger = (round(height * factor), round(width * factor))
    if isinstance(rule, CenterCrop):
        rule = rule.model_copy(update={"shorter_side": min(larger)})
    return input.model_copy(update={"shape": (*larger, channels), "resize": rule})


class AveragedPredictor(Predictor):
    """A network whose predictions are means over views of each image, of probabilities where it is a classifier.

    Its `outputs` are logits of the mean probabilities, which have been calibrated before where the network is.
    """

    def __init__(self, predictor: Predictor, views: Views) -> None:
        """Take the network, and which views it is asked for."""
        self.spec, self.plan, self.class_names = predictor.spec, predictor.plan, predictor.class_names
        self.name, self.temperatures = predictor.name, None
        self._predictor, self._views = predictor, views

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
        if self._views == "flip":
            yield images
            yield np.asarray(images)[:, :, ::-1]
            return
        height, width = self.spec.input.shape[:2]
        pixels = np.asarray(images)
        if pixels.shape[1:3] == (height, width):
            larger = image_input(self.spec.input, self._views).shape[:2]
            pixels = np.rint(tf.image.resize(pixels, larger, antialias=True).numpy())
        bottom, right = pixels.shape[1] - height, pixels.shape[2] - width
        for top, left in ((0, 0), (0, right), (bottom, 0), (bottom, right), (bottom // 2, right // 2)):
            yield pixels[:, top : top + height, left : left + width]


__all__ = ["MARGIN", "AveragedPredictor", "Views", "image_input"]
