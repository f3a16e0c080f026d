"""Which data are prepared: all that are stored, nothing that a run draws."""

import pytest

from kresnet.data.preparation.source import open_source
from kresnet.errors import KresnetError


def test_shares_and_folds_are_left_to_the_run(image_folder):
    for stated in ("recipe.data.validation=0.5", "recipe.data.fold={fold: 1, folds: 2}"):
        assert list(open_source(str(image_folder), [stated]).splits) == ["train", "test"]
    data = open_source(str(image_folder), ["recipe.data.validation=test"])
    assert list(data.splits) == ["train", "validation", "test"]


def test_unreadable_images_are_not_left_out_before(image_folder):
    (image_folder / "train/cat/001.png").write_bytes(b"")
    assert len(open_source(str(image_folder), ["recipe.data.on_unreadable=skip"]).train) == 11


def test_refusals(image_folder):
    for reference, overrides in (("nowhere", ()), (str(image_folder), ["recipe.epochs=3"])):
        with pytest.raises(KresnetError):
            open_source(reference, overrides)
