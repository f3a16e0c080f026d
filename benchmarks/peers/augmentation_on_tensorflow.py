"""kresnet's augmentations on batches in memory, as its pipeline applies them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import tensorflow as tf

from kresnet.data.augment.augmentation import Augmentation, AugmentationDraws
from kresnet.data.augment.mix import draw_mixture, mix_pairs
from kresnet.data.counter_rng import CounterRng
from kresnet.data.crop_resize import crop_batch, crop_image
from kresnet.data.resampling import fastest_resampler
from kresnet.spec.inputs import Input
from kresnet.spec.recipe import Augment

SETTINGS: dict[str, dict[str, object]] = {
    "crop_padding, flip": {"crop_padding": 4, "flip": True},
    "crop (resized)": {"crop": {"kind": "resized"}},
    "flip": {"flip": True},
    "color_jitter": {"color_jitter": {}},
    "lighting_std": {"lighting_std": 0.1},
    "rand_augment (paper)": {"rand_augment": {"kind": "paper"}},
    "rand_augment (timm)": {"rand_augment": {"kind": "timm", "magnitude": 6.0}},
    "erase": {"erase": {}},
    "mix (mixup)": {"mix": {"kind": "mixup"}},
    "mix (cutmix)": {"mix": {"kind": "cutmix"}},
}
#: Images up to this side are kept in memory at the network's size, and cropped there a batch at a time; larger ones
#: come from files, each cropped by itself.
_RESIDENT_SIDE = 64
_CLASSES = 1000


def versions() -> dict[str, str]:
    return {"tensorflow": tf.__version__}


def use_one_thread() -> None:
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)


def make(contender: str, name: str, images: np.ndarray) -> Callable[[int], tf.Tensor]:
    """What changes one of the batches, uint8 (batches, B, H, W, 3)."""
    assert contender == "kresnet"
    input = Input.model_validate({"shape": images.shape[2:]})
    settings = Augment.model_validate(SETTINGS[name])
    augmentation, mix, size = Augmentation(settings, input), settings.mix, images.shape[2:4]
    crop, resample = augmentation.crop, fastest_resampler(input.shape)
    batches, labels = [tf.constant(batch) for batch in images], tf.range(images.shape[1])

    @tf.function
    def change(images: tf.Tensor, drawn: AugmentationDraws, mixture: tuple[tf.Tensor, ...]) -> tf.Tensor:
        if crop and size[0] <= _RESIDENT_SIDE:
            images = crop_batch(images, crop.boxes(drawn.crop[0], *size), crop.crop_first, input)
        elif crop:
            one_by_one = tf.TensorSpec(input.shape, tf.uint8)
            given = (images, drawn.crop[0])
            images = tf.map_fn(lambda of: crop_image(*of, crop, input, resample), given, fn_output_signature=one_by_one)
        for transform, numbers in zip(augmentation.transforms, drawn.transforms, strict=True):
            images = transform.apply(images, *numbers)
        return mix_pairs(images, labels, *mixture, classes=_CLASSES)[0] if mix else images

    def step(number: int) -> tf.Tensor:
        drawn = augmentation.draw(CounterRng(0, number, np.arange(images.shape[1])))
        mixture = draw_mixture(mix, 0, number, size) if mix else ()
        given = tf.nest.map_structure(tf.constant, (drawn, mixture))
        return change(batches[number % len(batches)], *given)

    return step
