"""The embedded data: what it is, that it is real, and that its maker makes it."""

from __future__ import annotations

import numpy as np
import pytest

from kresnet.data import embedded
from kresnet.data.pipeline import evaluation_batches
from kresnet.data.sources import open_data
from kresnet.errors import KresnetError
from kresnet.spec.inputs import Input
from kresnet.spec.recipe import EmbeddedData
from tests.data.make_embedded import PER_CLASS, make, select

DATA = EmbeddedData(kind="embedded")


def test_contents() -> None:
    arrays = embedded.read_embedded()
    for split, per_class in PER_CLASS.items():
        images, labels = arrays[f"{split}_images"], arrays[f"{split}_labels"]
        assert images.shape == (10 * per_class, 28, 28, 1)
        assert images.dtype == labels.dtype == np.uint8
        assert len(np.unique(images, axis=0)) > 0.99 * len(images)
        np.testing.assert_array_equal(labels, np.tile(np.arange(10), per_class))


def test_size_and_licence() -> None:
    folder = embedded.FILE.parent
    assert embedded.FILE.stat().st_size < 4_000_000
    licence = (folder / "LICENSE").read_text()
    assert "MIT License" in licence
    assert "© 2017 Zalando SE" in licence


def test_splits_share_no_image() -> None:
    arrays = embedded.read_embedded()
    train = {image.tobytes() for image in arrays["train_images"]}
    assert not any(image.tobytes() in train for image in arrays["test_images"])


def test_select_takes_turns() -> None:
    labels = np.repeat(np.arange(10), 3)
    images, chosen = select(np.arange(30), labels, 2)
    np.testing.assert_array_equal(chosen, np.tile(np.arange(10), 2))
    np.testing.assert_array_equal(images, np.concatenate([np.arange(0, 30, 3), np.arange(1, 30, 3)]))


@pytest.mark.slow
def test_the_maker_makes_it(shared_data, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lzma.compress", lambda plain, preset: plain)  # compressing takes most of the time
    import io

    with np.load(io.BytesIO(make(str(shared_data / "tfds")))) as made:
        for name, array in embedded.read_embedded().items():
            np.testing.assert_array_equal(made[name], array)


def test_open() -> None:
    data = open_data(DATA, Input(shape=(28, 28, 1)), 0)
    assert (len(data.train), len(data.test)) == (9000, 1000)
    assert data.class_names == embedded.CLASS_NAMES
    images = np.concatenate([images for images, _ in evaluation_batches(data.test, 300)])
    np.testing.assert_array_equal(images, embedded.read_embedded()["test_images"])


def test_another_size_is_resized() -> None:
    data = open_data(DATA, Input(shape=(32, 32, 1)), 0)
    images, _ = data.test.fetch(np.arange(4))
    assert images.shape == (4, 32, 32, 1)
    assert data.fingerprint == open_data(DATA, Input(shape=(28, 28, 1)), 0).fingerprint


def test_networks_that_it_does_not_suit() -> None:
    with pytest.raises(KresnetError, match="have 1 channels; the network takes 3") as caught:
        open_data(DATA, Input(shape=(28, 28, 3)), 0)
    assert caught.value.problems[0].code == "data_mismatch"
    with pytest.raises(KresnetError, match="takes vectors"):
        open_data(DATA, Input(shape=(784,)), 0)
