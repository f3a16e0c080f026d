"""Training and evaluation batches: addressed by step, each example once, augmented only in training."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from kresnet.data.balance import ClassDraws, ExampleBalance
from kresnet.data.counter_rng import CounterRng, RandomStream
from kresnet.data.order import draw_order
from kresnet.data.pipeline import BatchSlice, evaluation_batches, training_batches
from kresnet.data.sources.array_source import ArraySource
from kresnet.data.splits import Split
from kresnet.errors import KresnetError
from kresnet.spec.inputs import Input
from kresnet.spec.recipe import (
    Augment,
    ColorJitter,
    Erase,
    Mixup,
    PaperRandAugment,
    ResizedCrop,
)

N, BATCH, STEPS = 50, 8, 6  # examples, batch size, full batches in an epoch
INPUT = Input(shape=(6, 5, 3))
PLAIN, STRONG = Augment(), Augment(crop_padding=2, flip=True)
EVERYTHING = Augment(
    crop=ResizedCrop(kind="resized"),
    flip=True,
    color_jitter=ColorJitter(),
    lighting_std=0.1,
    rand_augment=PaperRandAugment(kind="paper"),
    erase=Erase(),
    mix=Mixup(kind="mixup"),
)


SLICED_MIXED = Augment(crop_padding=2, flip=True, erase=Erase(), mix=Mixup(kind="mixup"))


def example_images() -> np.ndarray:
    return np.random.default_rng(0).integers(1, 256, (N, 6, 5, 3), dtype=np.uint8)


@pytest.fixture(params=["resident", "on demand"])
def split(request: pytest.FixtureRequest) -> Split:
    """N different images; the label is the position, so that batches tell what they hold."""
    limit = 2**20 if request.param == "resident" else 0
    return Split("train", ArraySource(example_images(), np.arange(N), INPUT), INPUT, resident_bytes=limit)


def batches(
    split: Split, augment: Augment, start: int, stop: int, seed: int = 7
) -> list[tuple[np.ndarray, np.ndarray]]:
    data = training_batches(
        split, augment=augment, classes=N, batch_size=BATCH, seed=seed, start_step=start, stop_step=stop
    )
    labels = tf.TensorSpec((BATCH, N), tf.float32) if augment.mix else tf.TensorSpec((BATCH,), tf.int32)
    assert data.element_spec == (tf.TensorSpec((BATCH, 6, 5, 3), tf.uint8), labels)
    return [(images.numpy(), labels.numpy()) for images, labels in data]


@pytest.mark.parametrize("augment", [PLAIN, STRONG, EVERYTHING], ids=["plain", "strong", "everything"])
def test_a_batch_does_not_depend_on_where_training_started(split: Split, augment: Augment) -> None:
    whole = batches(split, augment, 0, 3 * STEPS)
    for start in (2 * STEPS + 3,) if augment is EVERYTHING else (STEPS - 1, 2 * STEPS + 3):  # whose graph is large
        for (images, labels), (resumed_images, resumed_labels) in zip(
            whole[start:], batches(split, augment, start, 3 * STEPS), strict=True
        ):
            np.testing.assert_array_equal(images, resumed_images)
            np.testing.assert_array_equal(labels, resumed_labels)


def test_an_epoch_visits_no_example_twice(split: Split) -> None:
    whole = batches(split, PLAIN, 0, 2 * STEPS)
    for epoch in range(2):
        seen = np.concatenate([labels for _, labels in whole[epoch * STEPS : (epoch + 1) * STEPS]])
        assert len(set(seen)) == STEPS * BATCH
        np.testing.assert_array_equal(seen, draw_order(7, epoch, N)[: STEPS * BATCH])


def test_images_belong_to_their_labels(split: Split) -> None:
    for images, labels in batches(split, PLAIN, 0, STEPS):
        np.testing.assert_array_equal(images, example_images()[labels])


def test_augmentation_is_that_of_the_epoch(split: Split) -> None:
    dice = CounterRng(7, 1, np.arange(N))
    shifts, flips = dice.integers(RandomStream.SHIFT, 5, 2), dice.integers(RandomStream.FLIP, 2, 1)[:, 0]
    for images, labels in batches(split, STRONG, STEPS, 2 * STEPS):
        for image, label in zip(images, labels, strict=True):
            top, left = shifts[label]
            padded = np.pad(example_images()[label], ((2, 2), (2, 2), (0, 0)))
            cut = padded[top : top + 6, left : left + 5]
            np.testing.assert_array_equal(image, cut[:, ::-1] if flips[label] else cut)


def test_only_what_the_recipe_asks_for(split: Split) -> None:
    (flipped, labels), *_ = batches(split, Augment(flip=True), 0, 1)
    plain = example_images()[labels]
    mirrored = [not np.array_equal(one, other) for one, other in zip(flipped, plain, strict=True)]
    assert any(mirrored)
    assert not all(mirrored)
    np.testing.assert_array_equal(np.where(np.array(mirrored)[:, None, None, None], plain[:, :, ::-1], plain), flipped)


def test_seeds_differ(split: Split) -> None:
    assert not np.array_equal(batches(split, PLAIN, 0, 1)[0][1], batches(split, PLAIN, 0, 1, seed=8)[0][1])


def test_an_image_is_changed_alike_in_batches_of_any_size(split: Split) -> None:
    augment = EVERYTHING.model_copy(update={"mix": None})

    def epoch(batch_size: int) -> np.ndarray:
        data = training_batches(
            split, augment=augment, classes=N, batch_size=batch_size, seed=7, start_step=0, stop_step=40 // batch_size
        )
        return np.concatenate([images for images, _ in data.as_numpy_iterator()])

    np.testing.assert_array_equal(epoch(8), epoch(20))


def test_mixed_labels_are_those_of_the_neighbours(split: Split) -> None:
    augment = Augment(mix=Mixup(kind="mixup", alpha=1.0))
    (_, plain), *_ = batches(split, PLAIN, 0, 1)
    (images, mixed), *_ = batches(split, augment, 0, 1)
    np.testing.assert_allclose(mixed.sum(axis=1), 1, atol=1e-6)
    for index, row in enumerate(mixed):
        assert set(np.flatnonzero(row)) == {plain[index], plain[index ^ 1]}
        share = row[plain[index]]
        blended = share * example_images()[plain[index]] + (1 - share) * example_images()[plain[index ^ 1]]
        assert np.abs(images[index] - blended).max() < 0.51


def test_parts_of_large_images_are_not_cut_from_small_ones() -> None:
    """A split that fits in memory when resized still cuts from the images as they are stored."""
    stored = np.random.default_rng(0).integers(0, 256, (N, 30, 25, 3), dtype=np.uint8)
    source = ArraySource(stored, np.arange(N), INPUT)
    assert not source.native
    small = ResizedCrop(kind="resized", area=(0.04, 0.04), aspect=(5 / 6, 5 / 6))  # 6 by 5 of 30 by 25: as stored
    data = training_batches(
        Split("train", source, INPUT),
        augment=Augment(crop=small), classes=N, batch_size=BATCH, seed=0, start_step=0, stop_step=1,
    )  # fmt: skip
    images, labels = next(data.as_numpy_iterator())
    for image, label in zip(images, labels, strict=True):
        windows = np.lib.stride_tricks.sliding_window_view(stored[label], (6, 5, 3))
        assert (windows == image).all(axis=(-3, -2, -1)).any()


def test_a_late_step_is_had_at_once(split: Split) -> None:
    (batch,) = batches(split, STRONG, 10**9, 10**9 + 1)
    assert batch[0].shape == (BATCH, 6, 5, 3)


def test_evaluation_gives_everything_in_order_unchanged(split: Split) -> None:
    data = list(evaluation_batches(split, 16))
    assert [len(labels) for _, labels in data] == [16, 16, 16, 2]
    np.testing.assert_array_equal(np.concatenate([images for images, _ in data]), example_images())
    np.testing.assert_array_equal(np.concatenate([labels for _, labels in data]), np.arange(N))


@pytest.mark.parametrize("augment", [PLAIN, SLICED_MIXED], ids=["plain", "mixed"])
def test_weights_follow_their_examples(augment: Augment) -> None:
    source = ArraySource(example_images(), np.arange(N), INPUT)
    source.weights = np.random.default_rng(2).random(N).astype(np.float32)
    data = training_batches(
        Split("train", source, INPUT), augment=augment, classes=N, batch_size=BATCH, seed=7, start_step=4, stop_step=6
    )
    assert data.element_spec[2] == tf.TensorSpec((BATCH,), tf.float32)
    for _, labels, weights in data:
        # A label's share of a mixture is multiplied by its image's weight, and divided by the mixture's.
        of_labels = 1 / (labels.numpy() @ (1 / source.weights)) if augment.mix else source.weights[labels.numpy()]
        np.testing.assert_allclose(weights, of_labels, rtol=1e-5)


def test_more_than_the_data_in_a_batch(split: Split) -> None:
    with pytest.raises(KresnetError, match=r"recipe.batch_size=50") as caught:
        training_batches(split, augment=PLAIN, classes=N, batch_size=51, seed=0, start_step=0, stop_step=1)
    assert caught.value.problems[0].code == "data_mismatch"


def test_batches_can_be_distributed(split: Split) -> None:
    data = training_batches(split, augment=STRONG, classes=N, batch_size=BATCH, seed=7, start_step=4, stop_step=6)
    strategy = tf.distribute.MirroredStrategy(["CPU:0"])
    labels = [label.numpy() for _, label in strategy.experimental_distribute_dataset(data)]
    np.testing.assert_array_equal(labels, [labels for _, labels in batches(split, STRONG, 4, 6)])


def slice_batches(data: Split, augment: Augment, one_slice: BatchSlice) -> list[tuple[np.ndarray, np.ndarray]]:
    batches = training_batches(
        data, augment=augment, classes=N, batch_size=BATCH, seed=7, start_step=5, stop_step=8, batch_slice=one_slice
    )
    return [(images.numpy(), labels.numpy()) for images, labels in batches]


def joined(slices: list[list[tuple[np.ndarray, np.ndarray]]]) -> list[tuple[np.ndarray, np.ndarray]]:
    """The workers' batches of each step, put together."""
    steps = zip(*slices, strict=True)
    return [tuple(np.concatenate(parts) for parts in zip(*step, strict=True)) for step in steps]


@pytest.mark.parametrize(("augment", "counts"), [(PLAIN, (2, 4, 8)), (SLICED_MIXED, (2, 4))], ids=["plain", "mixed"])
def test_slices_of_training_are_the_global_batch(split: Split, augment: Augment, counts: tuple[int, ...]) -> None:
    """Across the end of an epoch, augmented, mixed in pairs."""
    whole = slice_batches(split, augment, BatchSlice())
    for count in counts:
        slices = [slice_batches(split, augment, BatchSlice(index, count)) for index in range(count)]
        for (images, labels), (all_images, all_labels) in zip(joined(slices), whole, strict=True):
            np.testing.assert_array_equal(images, all_images)
            np.testing.assert_array_equal(labels, all_labels)


@pytest.mark.parametrize("count", [2, 4, 8])
def test_slices_of_evaluation_are_all_images_once(split: Split, count: int) -> None:
    """The last of the seven batches has two images: some workers get none, and as many batches as the others."""
    slices = [
        [
            (images.numpy(), labels.numpy())
            for images, labels in evaluation_batches(split, BATCH, BatchSlice(index, count))
        ]
        for index in range(count)
    ]
    assert [len(one_slice) for one_slice in slices] == [7] * count
    assert all(len(labels) <= BATCH // count for one_slice in slices for _, labels in one_slice)
    np.testing.assert_array_equal(np.concatenate([labels for _, labels in joined(slices)]), np.arange(N))


def test_pairs_that_are_mixed_are_not_parted(split: Split) -> None:
    with pytest.raises(KresnetError, match=r"8 workers with an odd number .*\n.*multiple of 16"):
        slice_batches(split, SLICED_MIXED, BatchSlice(0, 8))


BALANCE = ExampleBalance(
    weights=np.arange(N, dtype=np.float32), draws=ClassDraws(np.arange(N) // 40, np.array([0.5, 0.5]))
)


def drawn(split: Split, start: int, stop: int, part: BatchSlice = BatchSlice(), augment: Augment = STRONG):  # noqa: B008
    made = training_batches(split, augment=augment, classes=N, batch_size=BATCH, seed=7, start_step=start,
                            stop_step=stop, batch_slice=part, balance=BALANCE)  # fmt: skip
    return [[each.numpy() for each in batch] for batch in made]


@pytest.mark.parametrize(
    "augment", [STRONG, pytest.param(EVERYTHING, marks=pytest.mark.slow)], ids=["strong", "everything"]
)
def test_drawn_and_weighted_batches_depend_on_the_step_alone_and_are_put_together_by_workers(split, augment):
    whole = drawn(split, 0, 2 * STEPS, augment=augment)
    resumed = drawn(split, STEPS + 1, 2 * STEPS, augment=augment)
    for one, other in zip(whole[STEPS + 1 :], resumed, strict=True):
        for a, b in zip(one, other, strict=True):
            np.testing.assert_array_equal(a, b)
    parts = [drawn(split, 0, 2 * STEPS, BatchSlice(index, 2), augment) for index in range(2)]
    for step, batch in enumerate(whole):
        for a, *halves in zip(batch, *(part[step] for part in parts), strict=True):
            np.testing.assert_array_equal(a, np.concatenate(halves))


def test_weights_go_with_their_examples_and_rare_ones_come_often_each_time_augmented_anew(split):
    whole = drawn(split, 0, 20 * STEPS)
    labels = np.concatenate([labels for _, labels, _ in whole])
    np.testing.assert_array_equal(np.concatenate([weights for *_, weights in whole]), labels)
    assert 0.45 < np.mean(labels >= 40) < 0.55  # of 50 examples, ten
    first = drawn(split, 0, STEPS)
    images, labels = (np.concatenate([batch[place] for batch in first]) for place in (0, 1))
    twice = [n for n in np.unique(labels) if (labels == n).sum() > 2]
    assert any(len(np.unique(images[labels == n], axis=0)) > 1 for n in twice)


def test_a_draw_reads_as_many_images_as_an_epoch_has(split):
    (batch,) = drawn(split, STEPS - 1, STEPS)
    assert len(batch[1]) == BATCH
