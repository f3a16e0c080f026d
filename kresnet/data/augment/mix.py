"""Mixup and cutmix: each image with its neighbour in the step's global batch, one weight or rectangle a step."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from kresnet.spec.recipe import Cutmix, Mix, Mixup

#: Keeps these numbers apart from those of the epoch with a step's number (`kresnet.data.order`).
_COUNTER = (0, 0, 0, 1)


def draw_mixture(mix: Mix, seed: int, step: int, size: tuple[int, ...]) -> tuple[np.ndarray, ...]:
    """Draw what a step's batch is mixed by, a function of (seed, step).

    Args:
        mix: the recipe's `mix`.
        seed: the run's seed.
        step: the run's step, from 0.
        size: height and width of the images.

    Returns:
        The weight, a float32 scalar, of an image's own pixels where it is blended with its partner's (1: left alone),
        and the rectangle (int32 top, left, bottom, right) in which the partner's stand alone. A mixup has an empty
        rectangle, a cutmix the weight 1.
    """
    random = np.random.Generator(np.random.Philox(key=[seed, step], counter=_COUNTER))
    # All numbers are drawn in every step, so that no setting shifts the meaning of another's.
    whether, which, row, column = random.random(4)
    if isinstance(mix, Mixup | Cutmix):
        cuts, alpha = isinstance(mix, Cutmix), mix.alpha
    else:
        cuts = which < mix.cutmix_probability
        alpha = mix.cutmix_alpha if cuts else mix.mixup_alpha
    blend = random.beta(alpha, alpha)
    mixes, nothing = whether < mix.probability, np.zeros(4, np.int32)
    if not mixes or not cuts:
        return np.array(blend if mixes else 1, np.float32), nothing
    # Yun et al. 2019, section 3.1: sides in the image's proportions, the centre anywhere, cut off at the border.
    sides = np.array(size) * np.sqrt(1 - blend)
    centre = np.floor([row * size[0], column * size[1]])
    corners = [centre - sides // 2, centre + sides // 2]
    return np.array(1, np.float32), np.clip(np.concatenate(corners), 0, (*size, *size)).astype(np.int32)


class PairMixing:
    """A `BatchChange`: mix the images 0 and 1, 2 and 3, and so on; the last of an odd number stays as it is.

    A worker's slice of the global batch that starts and ends at an even place holds both images of every pair, so that
    the worker gets what it would get if it read the whole batch.
    """

    compiled = True

    def apply(self, images: tf.Tensor, weight: tf.Tensor, rectangle: tf.Tensor) -> tf.Tensor:
        """Return the images, uint8 (B, H, W, C), mixed by what `draw_mixture` drew, and rounded."""
        own = _own_share(images.shape[1:3], weight, rectangle)[:, :, tf.newaxis]  # (H, W, 1)
        pixels = tf.cast(images, tf.float32)
        others = tf.gather(pixels, _partners(images.shape[0]))
        return tf.cast(tf.round(others + own * (pixels - others)), tf.uint8)

    def change(self, images: np.ndarray, weight: np.ndarray, rectangle: np.ndarray) -> None:
        """See `BatchChange.change`."""
        from kresnet.data.augment.compiled_transforms import mix

        mix(images, np.float32(weight), rectangle)


def mix_targets(
    labels: tf.Tensor,
    weight: tf.Tensor,
    rectangle: tf.Tensor,
    example_weights: tf.Tensor | None = None,
    *,
    size: tuple[int, ...],
    classes: int,
) -> tuple[tf.Tensor, ...]:
    """Mix the labels of the images that `PairMixing` mixes.

    Args:
        labels: int32 (B,), or targets float32 (B, n), which are mixed as they are.
        weight: what `draw_mixture` returned first.
        rectangle: what `draw_mixture` returned second.
        example_weights: float32 (B,), what each image counts in the loss; None where all count alike.
        size: height and width of the images.
        classes: number of classes.

    Returns:
        Labels float32 (B, classes), each row of classes adding up to 1: a label counts as much as its pixels do, as
        they came out, not as was drawn. With weights, also the weights of the mixtures, float32 (B,), and each label's
        share is multiplied by its image's: weight times loss is then the sum of what the two images' losses would
        count, for a loss that is linear in its targets.
    """
    partners = _partners(labels.shape[0])
    targets = tf.one_hot(labels, classes) if labels.dtype.is_integer else labels
    other_targets = tf.gather(targets, partners)
    own_part = tf.reduce_mean(_own_share(size, weight, rectangle))
    if example_weights is None:
        return (other_targets + own_part * (targets - other_targets),)
    own_weight = (own_part * example_weights)[:, tf.newaxis]
    other_weight = ((1.0 - own_part) * tf.gather(example_weights, partners))[:, tf.newaxis]
    shares, whole = own_weight * targets + other_weight * other_targets, own_weight + other_weight
    some = tf.where(whole > 0.0, whole, 1.0)  # two images may count for nothing
    return shares / some, whole[:, 0]


def _partners(batch: int) -> np.ndarray:
    return np.minimum(np.arange(batch) ^ 1, batch - 1)


def _own_share(size: tuple[int, ...], weight: tf.Tensor, rectangle: tf.Tensor) -> tf.Tensor:
    """Return how much of each pixel is an image's own, float32 (H, W)."""
    top, left, bottom, right = tf.unstack(rectangle)
    rows, columns = tf.range(size[0]), tf.range(size[1])
    taken = ((rows >= top) & (rows < bottom))[:, tf.newaxis] & ((columns >= left) & (columns < right))
    return tf.where(taken, 0.0, weight)
