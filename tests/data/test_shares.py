"""What each of several workers reads: together, in order of rank, exactly what one process reads."""

from __future__ import annotations

import numpy as np
import pytest

from kresnet.data.pipeline import BatchSlice, evaluation_batches, training_batches
from kresnet.data.splits import Split
from kresnet.errors import KresnetError
from kresnet.spec.recipe import Augment, Erase, Mixup
from tests.data.test_pipeline import N, split  # noqa: F401 - the fixture

BATCH = 8
PLAIN = Augment()
MIXED = Augment(crop_padding=2, flip=True, erase=Erase(), mix=Mixup(kind="mixup"))


def train(data: Split, augment: Augment, share: BatchSlice) -> list[tuple[np.ndarray, np.ndarray]]:
    batches = training_batches(
        data, augment=augment, classes=N, batch_size=BATCH, seed=7, start_step=5, stop_step=8, batch_slice=share
    )
    return [(images.numpy(), labels.numpy()) for images, labels in batches]


def joined(shares: list[list[tuple[np.ndarray, np.ndarray]]]) -> list[tuple[np.ndarray, np.ndarray]]:
    """The workers' batches of each step, put together."""
    steps = zip(*shares, strict=True)
    return [tuple(np.concatenate(parts) for parts in zip(*step, strict=True)) for step in steps]


@pytest.mark.parametrize(("augment", "counts"), [(PLAIN, (2, 4, 8)), (MIXED, (2, 4))], ids=["plain", "mixed"])
def test_shares_of_training_are_the_global_batch(split: Split, augment: Augment, counts: tuple[int, ...]) -> None:  # noqa: F811
    """Across the end of an epoch, augmented, mixed in pairs."""
    whole = train(split, augment, BatchSlice())
    for count in counts:
        shares = [train(split, augment, BatchSlice(index, count)) for index in range(count)]
        for (images, labels), (all_images, all_labels) in zip(joined(shares), whole, strict=True):
            np.testing.assert_array_equal(images, all_images)
            np.testing.assert_array_equal(labels, all_labels)


@pytest.mark.parametrize("count", [2, 4, 8])
def test_shares_of_evaluation_are_all_images_once(split: Split, count: int) -> None:  # noqa: F811
    """The last of the seven batches has two images: some workers get none, and as many batches as the others."""
    shares = [
        [
            (images.numpy(), labels.numpy())
            for images, labels in evaluation_batches(split, BATCH, BatchSlice(index, count))
        ]
        for index in range(count)
    ]
    assert [len(share) for share in shares] == [7] * count
    assert all(len(labels) <= BATCH // count for share in shares for _, labels in share)
    np.testing.assert_array_equal(np.concatenate([labels for _, labels in joined(shares)]), np.arange(N))


def test_pairs_that_are_mixed_are_not_parted(split: Split) -> None:  # noqa: F811
    with pytest.raises(KresnetError, match=r"8 workers with an odd number .*\n.*multiple of 16"):
        train(split, MIXED, BatchSlice(0, 8))
