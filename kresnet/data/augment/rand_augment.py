"""RandAugment (Cubuk et al. 2019, arXiv:1909.13719): a few random operations on every image of a batch at once.

The operations and their ranges are a table in docs/augmentation.md.
"""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from kresnet.data.augment import operations
from kresnet.data.counter_rng import CounterRng, RandomStream
from kresnet.data.images import mean_color
from kresnet.spec.inputs import Input
from kresnet.spec.recipe import PaperRandAugment, RandAugment

_MOVES = ("rotate", "shear_x", "shear_y", "translate_x", "translate_y")
_BLENDS = ("color", "contrast", "brightness", "sharpness")

PAPER = (
    "identity", "autocontrast", "equalize", "rotate", "solarize", "color", "posterize", "contrast", "brightness",
    "sharpness", "shear_x", "shear_y", "translate_x", "translate_y",
)  # fmt: skip
TIMM = (
    "autocontrast", "equalize", "invert", "rotate", "posterize", "solarize", "solarize_add", "color", "contrast",
    "brightness", "sharpness", "shear_x", "shear_y", "translate_x", "translate_y",
)  # fmt: skip

#: Groups that the images are split into in each round: left alone, moved, mapped by a table, or blended in one of
#: four ways.
_KEEP, _MOVE, _TABLE, _FIRST_BLEND = 0, 1, 2, 3
_GROUPS = _FIRST_BLEND + len(_BLENDS)


class RandAugmentTransform:
    """A `BatchTransform`: in each round one random operation on every image, as the recipe's `rand_augment` says.

    In each round the images are split by operation, each part is changed as a batch, and the parts are put together.
    """

    def __init__(self, settings: RandAugment, input: Input) -> None:
        """Take the recipe's settings and the spec's input, which gives shape and mean colour."""
        self.settings = settings
        self.height, self.width, channels = input.shape
        self.paper = isinstance(settings, PaperRandAugment)
        self.names = PAPER if self.paper else TIMM
        self.compiled = self.height * self.width <= operations.MOST_GREY_PIXELS
        self.fill = np.full(channels, 128, np.uint8) if self.paper else mean_color(input)

    def draw(self, rng: CounterRng) -> tuple[np.ndarray, ...]:
        """Draw for K rounds: groups and tables, int32 (B, K); arguments, float32 (B, K); transforms (B, K, 8)."""
        rounds = self.settings.operations
        chosen, sign, whether = np.split(rng.uniform(RandomStream.RAND_AUGMENT, 3 * rounds), 3, axis=1)  # each (B, K)
        number = (chosen * len(self.names)).astype(np.int32)
        level = self._levels(rng)
        sign = np.where(sign < 0.5, -1.0, 1.0)
        groups, tables, arguments = np.zeros_like(number), np.zeros_like(number), np.zeros_like(level)
        transforms = np.zeros((*number.shape, 8), np.float32)
        for index, name in enumerate(self.names):
            here = number == index
            argument = self._argument(name, level, sign)[here]
            arguments[here] = argument
            if name in _MOVES:
                groups[here], transforms[here] = _MOVE, self._transform(name, argument)
            elif name in _BLENDS:
                groups[here] = _FIRST_BLEND + _BLENDS.index(name)
            elif name != "identity":
                groups[here], tables[here] = _TABLE, operations.TABLES.index(name)
        if not isinstance(self.settings, PaperRandAugment):
            groups[whether >= self.settings.probability] = _KEEP
        return groups, tables, arguments.astype(np.float32), transforms

    def apply(
        self, images: tf.Tensor, groups: tf.Tensor, tables: tf.Tensor, arguments: tf.Tensor, transforms: tf.Tensor
    ) -> tf.Tensor:
        """Return the images after all rounds, uint8 (B, H, W, C)."""
        for step in range(self.settings.operations):
            images = self._round(images, groups[:, step], tables[:, step], arguments[:, step], transforms[:, step])
        return images

    def change(
        self, images: np.ndarray, groups: np.ndarray, tables: np.ndarray, arguments: np.ndarray, transforms: np.ndarray
    ) -> None:
        """See `BatchTransform.change`."""
        from kresnet.data.augment.compiled_operations import rand_augment

        rand_augment(images, groups, tables, arguments, transforms, self.fill, not self.paper)

    def _round(
        self, images: tf.Tensor, groups: tf.Tensor, tables: tf.Tensor, arguments: tf.Tensor, transforms: tf.Tensor
    ) -> tf.Tensor:
        def split(values: tf.Tensor) -> list[tf.Tensor]:
            return tf.dynamic_partition(values, groups, _GROUPS)

        parts, factors = split(images), split(arguments)
        kinds = split(tables)[_TABLE]
        parts[_MOVE] = operations.move(parts[_MOVE], split(transforms)[_MOVE], self.fill, smooth=not self.paper)
        parts[_TABLE] = operations.look_up(parts[_TABLE], operations.tables(parts[_TABLE], kinds, factors[_TABLE]))
        functions = (operations.saturation, operations.contrast, operations.brightness, operations.sharpness)
        for group, function in enumerate(functions, start=_FIRST_BLEND):
            parts[group] = function(parts[group], factors[group])
        return tf.ensure_shape(tf.dynamic_stitch(split(tf.range(tf.shape(images)[0])), parts), images.shape)

    def _levels(self, rng: CounterRng) -> np.ndarray:
        """Draw magnitudes over their greatest value, float64 (B, K)."""
        settings = self.settings
        if isinstance(settings, PaperRandAugment):
            return np.full((len(rng.positions), settings.operations), settings.magnitude / 30)
        deviations = settings.magnitude_std * rng.normal(RandomStream.MAGNITUDE, settings.operations).astype(np.float64)
        return np.clip(settings.magnitude + deviations, 0, 10) / 10

    def _argument(self, name: str, level: np.ndarray, sign: np.ndarray) -> np.ndarray:
        """Return the argument of an operation: degrees, a shear, pixels, a factor, bits, a threshold or an amount."""
        if name in _BLENDS:
            factor = 1 + sign * 0.9 * level
            return factor if self.paper else np.maximum(factor, 0.1)
        match name:
            case "rotate":
                return sign * 30 * level
            case "shear_x" | "shear_y":
                return sign * 0.3 * level
            case "translate_x" | "translate_y":
                size = self.width if name == "translate_x" else self.height
                return sign * (np.floor(150 / 331 * level * size) if self.paper else 0.45 * level * size)
            case "posterize":
                return 8 - np.rint(4 * level) if self.paper else 4 - np.floor(4 * level)
            case "solarize":
                return 255 * (1 - level) if self.paper else 256 - np.floor(256 * level)
            case "solarize_add":
                return np.floor(110 * level)
        return np.zeros_like(level)

    def _transform(self, name: str, argument: np.ndarray) -> np.ndarray:
        """Return rows of `ImageProjectiveTransformV3`, float32 (n, 8), for degrees, shears, or shifts in pixels.

        The matrices are Pillow's, of points whose pixels have their centres at halves; the kernel has them at whole
        numbers. A rotation turns counter-clockwise about the image's centre, a shear leaves the top left corner.
        """
        one, nothing = np.ones_like(argument), np.zeros_like(argument)
        a, b, c, d, e, f = one, nothing, nothing, nothing, one, nothing
        match name:
            case "rotate":
                cosine, sine = np.cos(np.radians(argument)), np.sin(np.radians(argument))
                x, y = self.width / 2, self.height / 2
                # From the result back to the image: clockwise on a page whose y runs downwards.
                a, b, d, e = cosine, -sine, sine, cosine
                c, f = x - a * x - b * y, y - d * x - e * y
            case "shear_x":
                b = argument
            case "shear_y":
                d = argument
            case "translate_x":
                c = argument
            case "translate_y":
                f = argument
        c, f = c + (a + b - 1) / 2, f + (d + e - 1) / 2
        return np.stack([a, b, c, d, e, f, nothing, nothing], axis=-1).astype(np.float32)
