"""Random brightness, contrast, saturation, and the colour noise of AlexNet."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from kresnet.data.augment import operations
from kresnet.data.counter_rng import CounterRng, RandomStream
from kresnet.errors import make_error
from kresnet.spec.inputs import Input
from kresnet.spec.recipe import ColorJitter

#: Standard deviations, in bytes, and directions (columns; rows are red, green, blue) of the colours of ImageNet's
#: training images, as fb.resnet.torch has them.
_DEVIATIONS = np.array([0.2175, 0.0188, 0.0045], np.float32) * 255
_DIRECTIONS = np.array([[-0.5675, 0.7192, 0.4009], [-0.5808, -0.0045, -0.8140], [-0.5836, -0.6948, 0.4203]], np.float32)


class RandomColorJitter:
    """A `BatchTransform`: change brightness, contrast and saturation, as the recipe's `color_jitter` says."""

    def __init__(self, settings: ColorJitter, input: Input) -> None:
        """Take the recipe's settings and the spec's input, which gives the shape."""
        self.widths = np.array([settings.brightness, settings.contrast, settings.saturation], np.float32)
        pixels = input.shape[0] * input.shape[1]
        self.compiled = not settings.contrast or pixels <= operations.MOST_GREY_PIXELS

    def draw(self, rng: CounterRng) -> tuple[np.ndarray, ...]:
        """Draw factors of brightness, contrast and saturation, float32 (B, 3)."""
        return ((1 + self.widths * (2 * rng.uniform(RandomStream.COLOR, 3) - 1)).astype(np.float32),)

    def apply(self, images: tf.Tensor, factors: tf.Tensor) -> tf.Tensor:
        """Return the images, uint8 (B, H, W, C), with each property multiplied by its factor."""
        functions = (operations.brightness, operations.contrast, operations.saturation)
        for index, (width, function) in enumerate(zip(self.widths, functions, strict=True)):
            if width:
                images = function(images, factors[:, index])
        return images

    def change(self, images: np.ndarray, factors: np.ndarray) -> None:
        """See `BatchTransform.change`."""
        from kresnet.data.augment.compiled_transforms import color_jitter

        color_jitter(images, factors, *(bool(width) for width in self.widths))


class RandomLighting:
    """A `BatchTransform`: add one colour to all pixels of an image, drawn along ImageNet's principal components."""

    compiled = True

    def __init__(self, std: float, input: Input) -> None:
        """Take the standard deviation of the components' weights.

        Raises:
            KresnetError: `contradiction`, for grey images.
        """
        if input.shape[2] != 3:
            message = "Colour noise is for colour images; this network takes grey ones."
            raise make_error("contradiction", message, path="recipe.augment.lighting_std", remedy="lighting_std: 0")
        self.std = std

    def draw(self, rng: CounterRng) -> tuple[np.ndarray, ...]:
        """Draw a colour for each image, float32 (B, 3)."""
        weights = self.std * rng.normal(RandomStream.LIGHTING, 3) * _DEVIATIONS
        return ((weights @ _DIRECTIONS.T).astype(np.float32),)

    def apply(self, images: tf.Tensor, colors: tf.Tensor) -> tf.Tensor:
        """Return the images, uint8 (B, H, W, 3), with their colours added."""
        return tf.saturate_cast(tf.round(tf.cast(images, tf.float32) + colors[:, tf.newaxis, tf.newaxis]), tf.uint8)

    def change(self, images: np.ndarray, colors: np.ndarray) -> None:
        """See `BatchTransform.change`."""
        from kresnet.data.augment.compiled_transforms import light

        light(images, colors)
