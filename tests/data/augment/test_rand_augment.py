"""RandAugment against Pillow and the published tables of magnitudes."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from kresnet.data.augment import rand_augment
from kresnet.data.augment.rand_augment import RandAugmentTransform
from kresnet.data.counter_rng import CounterRng
from kresnet.spec.inputs import Input
from kresnet.spec.recipe import PaperRandAugment, TimmRandAugment

INPUT = Input(shape=(48, 60, 3))
PAPER = RandAugmentTransform(PaperRandAugment(kind="paper"), INPUT)
TIMM = RandAugmentTransform(TimmRandAugment(kind="timm"), INPUT)


def moved(photo: np.ndarray, name: str, argument: float, *, smooth: bool) -> np.ndarray:
    transform = PAPER._transform(name, np.array([argument]))
    fill = np.full(3, 128, np.uint8)
    return rand_augment.operations.move(tf.constant(photo[np.newaxis]), transform, fill, smooth=smooth)[0].numpy()


def moved_by_pillow(photo: np.ndarray, name: str, argument: float, *, smooth: bool) -> np.ndarray:
    matrices = {
        "shear_x": (1, argument, 0, 0, 1, 0),
        "shear_y": (1, 0, 0, argument, 1, 0),
        "translate_x": (1, 0, argument, 0, 1, 0),
        "translate_y": (1, 0, 0, 0, 1, argument),
    }
    image, kind = Image.fromarray(photo), Image.Resampling.BILINEAR if smooth else Image.Resampling.NEAREST
    if name == "rotate":
        return np.asarray(image.rotate(argument, kind, fillcolor=(128, 128, 128)))
    return np.asarray(
        image.transform(image.size, Image.Transform.AFFINE, matrices[name], kind, fillcolor=(128, 128, 128))
    )


@pytest.mark.parametrize(
    ("name", "argument"),
    [("rotate", 30.0), ("rotate", -11.0), ("shear_x", 0.3), ("shear_x", -0.17), ("shear_y", 0.21), ("shear_y", -0.3),
     ("translate_x", 7.0), ("translate_x", -12.3), ("translate_y", 9.4), ("translate_y", -3.0)],
)  # fmt: skip
@pytest.mark.parametrize("smooth", [False, True], ids=["nearest", "linear"])
def test_moves_are_pillows(photo: np.ndarray, name: str, argument: float, smooth: bool) -> None:
    ours = moved(photo, name, argument, smooth=smooth).astype(int)
    theirs = moved_by_pillow(photo, name, argument, smooth=smooth)
    if not smooth:
        assert (ours == theirs).all(axis=-1).mean() > 0.995  # the rest lies between two pixels
        return
    # Pillow repeats the border's pixels half a pixel outwards, where the kernel blends with the fill.
    known = moved(np.full_like(photo, 255), name, argument, smooth=True)[..., 0] == 255
    assert known.mean() > 0.5
    assert np.abs(ours - theirs)[known].max() <= 1


#: torchvision's `RandAugment._augmentation_space(31, size)` at bins 0, 9 and 30, and timm's `LEVEL_TO_ARG` of the
#: "increasing" operations at levels 0, 6 and 10, both for images 60 wide and 48 high and the sign +.
PAPER_TABLE = {
    "rotate": (0, 9, 30), "shear_x": (0, 0.09, 0.3), "shear_y": (0, 0.09, 0.3),
    "translate_x": (0, 8, 27), "translate_y": (0, 6, 21),
    "color": (1, 1.27, 1.9), "contrast": (1, 1.27, 1.9), "brightness": (1, 1.27, 1.9), "sharpness": (1, 1.27, 1.9),
    "posterize": (8, 7, 4), "solarize": (255, 178.5, 0),
}  # fmt: skip
TIMM_TABLE = {
    "rotate": (0, 18, 30), "shear_x": (0, 0.18, 0.3), "shear_y": (0, 0.18, 0.3),
    "translate_x": (0, 16.2, 27), "translate_y": (0, 12.96, 21.6),
    "color": (1, 1.54, 1.9), "contrast": (1, 1.54, 1.9), "brightness": (1, 1.54, 1.9), "sharpness": (1, 1.54, 1.9),
    "posterize": (4, 2, 0), "solarize": (256, 103, 0), "solarize_add": (0, 66, 110),
}  # fmt: skip


@pytest.mark.parametrize(
    ("change", "table", "levels"),
    [(PAPER, PAPER_TABLE, (0, 0.3, 1)), (TIMM, TIMM_TABLE, (0, 0.6, 1))],
    ids=["paper", "timm"],
)
def test_magnitudes_are_the_published_ones(change: RandAugmentTransform, table: dict, levels: tuple) -> None:
    for name, expected in table.items():
        found = change._argument(name, np.array(levels, float), np.ones(3))
        np.testing.assert_allclose(found, expected, atol=1e-6, err_msg=name)
    assert change._argument("rotate", np.array([1.0]), np.array([-1.0])) == -30
    free = {"identity", "autocontrast", "equalize", "invert"}
    assert set(change.names) - free == set(table)


def test_timm_keeps_blends_above_a_tenth() -> None:
    np.testing.assert_allclose(TIMM._argument("color", np.array([1.0]), np.array([-1.0])), 0.1)


@pytest.mark.parametrize("change", [PAPER, TIMM], ids=["paper", "timm"])
def test_a_batch_is_its_images_one_by_one(change: RandAugmentTransform, photo: np.ndarray) -> None:
    positions = np.arange(64)
    images = np.stack([np.roll(photo, 3 * shift, axis=1) for shift in positions])
    together = change.apply(tf.constant(images), *map(tf.constant, change.draw(CounterRng(1, 2, positions)))).numpy()
    assert together.dtype == np.uint8
    changed = 0
    for position in positions[::5]:
        drawn = change.draw(CounterRng(1, 2, positions[position : position + 1]))
        alone = change.apply(tf.constant(images[position : position + 1]), *map(tf.constant, drawn)).numpy()[0]
        np.testing.assert_array_equal(together[position], alone)
        changed += not np.array_equal(alone, images[position])
    assert changed > 5


def test_every_operation_is_drawn_about_equally_often() -> None:
    groups, tables, arguments, _ = TIMM.draw(CounterRng(0, 0, np.arange(30_000)))
    np.testing.assert_allclose((groups == 0).mean(), 0.5, atol=0.01)  # skipped
    shares = [(groups == 1).mean(), *((tables[groups == 2] == kind).mean() for kind in range(6))]
    np.testing.assert_allclose(shares, [0.5 * 5 / 15, *[1 / 6] * 6], atol=0.01)
    turned = arguments[(groups == 1)]
    np.testing.assert_allclose((turned > 0).mean(), 0.5, atol=0.02)


def test_the_magnitude_of_timm_varies_as_told() -> None:
    change = RandAugmentTransform(TimmRandAugment(kind="timm", magnitude=5.0, magnitude_std=0.5, operations=1), INPUT)
    levels = change._levels(CounterRng(0, 0, np.arange(20_000))) * 10
    np.testing.assert_allclose([levels.mean(), levels.std()], [5, 0.5], atol=0.02)
    change = RandAugmentTransform(TimmRandAugment(kind="timm", magnitude=10.0, magnitude_std=3.0), INPUT)
    assert change._levels(CounterRng(0, 0, np.arange(1000))).max() == 1
