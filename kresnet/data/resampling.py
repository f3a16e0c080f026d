"""Images resampled with antialiasing: in the graph, which can be exported, or by compiled code to the same bits."""

from __future__ import annotations

from functools import lru_cache
from typing import Protocol

import numpy as np
import tensorflow as tf

from kresnet.data.compiling import compiled_agrees

#: `ScaleAndTranslate`'s names of the kernels; nearest has none there.
RESIZE_KERNELS = {"bilinear": "triangle", "bicubic": "keyscubic"}

#: Images of fewer pixels are resampled so soon by the operation that compiled code is not worth its import.
_LEAST_PIXELS = 96 * 96


class Resampler(Protocol):
    """Resamples one image."""

    def __call__(
        self, image: tf.Tensor, size: tuple[int, ...], scale: tf.Tensor, translation: tf.Tensor, interpolation: str
    ) -> tf.Tensor:
        """Return uint8 (H, W, C) of an image uint8 (h, w, C), antialiased where it shrinks, rounded and clipped.

        Args:
            image: one channel or three.
            size: H and W.
            scale: float32 (2,), pixels of the result to one of the image, down and across.
            translation: float32 (2,), where the image's corner lies in the result, in pixels.
            interpolation: a key of `RESIZE_KERNELS`.
        """


def resample_in_graph(
    image: tf.Tensor, size: tuple[int, ...], scale: tf.Tensor, translation: tf.Tensor, interpolation: str
) -> tf.Tensor:
    """Resample by TensorFlow's own operation; a `Resampler` whose graph can be exported."""
    pixels = tf.raw_ops.ScaleAndTranslate(
        images=image[tf.newaxis],  # bytes, which it reads as floats; a copy of floats would take four times the memory
        size=tf.constant(size),
        scale=scale,
        translation=translation,
        kernel_type=RESIZE_KERNELS[interpolation],
        antialias=True,
    )[0]
    return tf.saturate_cast(tf.round(pixels), tf.uint8)


def resample_compiled(
    image: tf.Tensor, size: tuple[int, ...], scale: tf.Tensor, translation: tf.Tensor, interpolation: str
) -> tf.Tensor:
    """Resample by `kresnet.data.compiled_resampling`; a `Resampler` that lives in this process only."""
    from kresnet.data.compiled_resampling import resample

    def call(image: np.ndarray, scale: np.ndarray, translation: np.ndarray) -> np.ndarray:
        return resample(image, *size, scale, translation, interpolation == "bicubic")

    resampled = tf.numpy_function(call, [image, scale, translation], tf.uint8, stateful=False)
    return tf.ensure_shape(resampled, (*size, image.shape[-1]))


def fastest_resampler(shape: tuple[int, ...]) -> Resampler:
    """Return the quickest way to resample to `shape` (H, W, C) in this process; the numbers are the same in each."""
    return resample_compiled if np.prod(shape[:2]) >= _LEAST_PIXELS and _compiled_is_exact() else resample_in_graph


@lru_cache(maxsize=1)
def _compiled_is_exact() -> bool:
    """Return whether there is compiled code, and it gives the operation's own numbers on this machine."""
    cases = [(channels, kind) for channels in (1, 3) for kind in RESIZE_KERNELS]
    return compiled_agrees("images are resampled", lambda: all(_agree(*case) for case in cases))


def _agree(channels: int, interpolation: str) -> bool:
    """Compare both ways on an image that shrinks along one axis, grows along the other, and hangs over its border."""
    image = np.random.default_rng(0).integers(0, 256, (61, 29, channels), np.uint8)
    scale, translation = np.array([40 / 57, 37 / 28], np.float32), np.array([-1.7, 0.9], np.float32)
    with tf.device("CPU:0"), tf.init_scope():
        first, second = (
            resample(tf.constant(image), (40, 37), tf.constant(scale), tf.constant(translation), interpolation).numpy()
            for resample in (resample_in_graph, resample_compiled)
        )
    return np.array_equal(first, second)


__all__ = ["RESIZE_KERNELS", "Resampler", "fastest_resampler", "resample_compiled", "resample_in_graph"]
