"""Where images are resampled by compiled code, and where not; what files give is the same everywhere."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from kresnet.data import compiling, resampling
from kresnet.data.augment.crops import make_random_crop
from kresnet.data.counter_rng import CounterRng
from kresnet.data.crop_resize import decode_crop
from kresnet.data.file_batches import file_batches
from kresnet.data.images import decode, read_image
from kresnet.data.resampling import fastest_resampler, resample_compiled, resample_in_graph
from kresnet.data.sources.folder import FileSource
from kresnet.spec.inputs import Input
from kresnet.spec.recipe import RescaledCrop, ResizedCrop

SHAPE = (96, 128, 3)


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Photographs of several sizes, one of the network's own, one on its side, one grey, one that is no JPEG."""
    folder, random = tmp_path_factory.mktemp("photos"), np.random.default_rng(3)
    on_its_side = Image.Exif()
    on_its_side[274] = 6
    paths = []
    for number, (size, kind, mode, options) in enumerate([
        ((250, 180), "jpg", "RGB", {}), ((70, 300), "jpg", "RGB", {"exif": on_its_side.tobytes()}),
        ((128, 96), "jpg", "RGB", {}), ((90, 60), "jpg", "L", {}), ((1101, 903), "jpg", "RGB", {}),
        ((400, 301), "png", "RGBA", {}),
    ]):  # fmt: skip
        photo = Image.fromarray(random.integers(0, 256, (30, 40, 3), np.uint8)).resize(size, Image.Resampling.BICUBIC)
        paths.append(folder / f"{number}.{kind}")
        photo.convert(mode).save(paths[-1], quality=90, **options)
    return paths


@pytest.mark.parametrize(
    ("interpolation", "decoding"), [pytest.param("bilinear", "full", marks=pytest.mark.slow), ("bicubic", "scaled")]
)
def test_files_are_the_same_in_training_evaluation_prediction_and_exports(
    photos: list[Path], interpolation: str, decoding: str
) -> None:
    resize = {"kind": "stretch", "interpolation": interpolation}
    input = Input.model_validate({"shape": SHAPE, "resize": resize, "jpeg_decoding": decoding})
    assert fastest_resampler(SHAPE) is resample_compiled
    exported = [decode(tf.constant(path.read_bytes()), input).numpy() for path in photos]
    source = FileSource(tf.constant(list(map(str, photos))), np.zeros(len(photos), np.int64), input)
    places = tf.range(len(photos), dtype=tf.int64)
    np.testing.assert_array_equal(tf.function(source.fetch, autograph=False)(places)[0], exported)
    (predicted,) = file_batches(map(str, photos), input, len(photos))
    np.testing.assert_array_equal(predicted.images, exported)
    np.testing.assert_array_equal([read_image(path, input) for path in photos], exported)
    for settings in (ResizedCrop(kind="resized"), RescaledCrop(kind="rescaled", shorter_side=(128, 160))):
        crop = make_random_crop(settings, input)
        numbers = tf.constant(crop.draw(CounterRng(0, 0, np.arange(len(photos)))))
        alone = [
            decode_crop(tf.constant(path.read_bytes()), drawn, crop, input)
            for path, drawn in zip(photos, numbers, strict=True)
        ]
        drawn_together = tf.function(
            lambda places, numbers, crop=crop: source.fetch_crops(places, crop, numbers)[0], autograph=False
        )
        np.testing.assert_array_equal(drawn_together(places, numbers), alone)


@pytest.fixture
def judged_anew():
    resampling._compiled_is_exact.cache_clear()
    yield
    resampling._compiled_is_exact.cache_clear()


@pytest.mark.usefixtures("judged_anew")
class TestWhereTheOperationIsUsed:
    """Without Numba, with one that rounds otherwise, and for small images."""

    def test_without_numba(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(compiling, "find_spec", lambda name: None)
        assert fastest_resampler(SHAPE) is resample_in_graph

    def test_with_a_numba_that_cannot_be_imported(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, "kresnet.data.compiled_resampling", None)
        assert fastest_resampler(SHAPE) is resample_in_graph

    def test_with_other_numbers(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(resampling, "resample_compiled", lambda *given: resample_in_graph(*given) + 1)
        assert fastest_resampler(SHAPE) is resample_in_graph

    def test_for_small_images(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(resampling, "_compiled_is_exact", lambda: pytest.fail("compiled code was looked at"))
        assert fastest_resampler((32, 32, 3)) is resample_in_graph


def test_what_is_no_image_is_still_told(photos: list[Path], tmp_path: Path) -> None:
    damaged = tmp_path / "damaged.jpg"
    damaged.write_bytes(b"\xff\xd8\xff\xe0 no JPEG")
    empty = io.BytesIO()
    (tmp_path / "empty.png").write_bytes(empty.getvalue())
    named = [str(photos[0]), str(damaged), str(tmp_path / "empty.png")]
    (batch,) = file_batches(named, Input.model_validate({"shape": SHAPE}), 3)
    assert set(batch.problems) == {1, 2}
