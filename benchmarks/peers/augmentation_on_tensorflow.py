"""kresnet's augmentations on batches in memory, as its pipeline applies them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import tensorflow as tf

from kresnet.data.augment.augmentation import BatchAugmentation
from kresnet.data.augment.mix import draw_mixture
from kresnet.data.counter_rng import CounterRng
from kresnet.data.crop_resize import crop_batch, crop_image
from kresnet.data.graph_mapping import map_graph
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
    augmentation, mix, size = BatchAugmentation(settings, input), settings.mix, images.shape[2:4]
    crop, resample = augmentation.crop, fastest_resampler(input.shape)
    batches = [partial(tf.identity, tf.constant(batch)) for batch in images]

    def mixture_of(number: int) -> tuple[np.ndarray, ...]:
        return draw_mixture(mix, 0, number, size) if mix else ()

    example = (augmentation.draw(CounterRng(0, 0, np.arange(images.shape[1]))), mixture_of(0))
    like = [np.asarray(array) for array in tf.nest.flatten(example)]

    def draw(number: np.ndarray) -> list[np.ndarray]:
        rng = CounterRng(0, int(number), np.arange(images.shape[1]))
        return tf.nest.flatten((augmentation.draw(rng), mixture_of(int(number))))

    def change(number: tf.Tensor) -> tf.Tensor:
        arrays = tf.numpy_function(draw, [number], [array.dtype for array in like], stateful=False)
        shaped = [tf.ensure_shape(array, each.shape) for array, each in zip(arrays, like, strict=True)]
        drawn, mixture = tf.nest.pack_sequence_as(example, shaped)
        batch = tf.switch_case(tf.cast(number % len(batches), tf.int32), batches)
        if crop and size[0] <= _RESIDENT_SIDE:
            batch = crop_batch(batch, crop.boxes(drawn.crop[0], *size), crop.crop_first, input)
        elif crop:
            one_by_one = tf.TensorSpec(input.shape, tf.uint8)
            given = (batch, drawn.crop[0])
            batch = tf.map_fn(lambda of: crop_image(*of, crop, input, resample), given, fn_output_signature=one_by_one)
        return augmentation.apply(batch, drawn.transforms, mixture)

    options = tf.data.Options()
    options.autotune.enabled = False  # its thread has nothing to do here but to cost time
    changed = iter(map_graph(tf.data.Dataset.range(10**9), change).with_options(options))
    return lambda number: next(changed)
