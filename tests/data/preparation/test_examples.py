"""Examples on their way into shards: their order, digests, and what cannot be decoded."""

import hashlib
import io

import numpy as np
import pytest
from PIL import Image

from kresnet.data.preparation.examples import ExampleMaker, image_digest, is_readable
from kresnet.data.prepared.records import record_texts
from kresnet.data.sources import open_data
from kresnet.spec.inputs import Input
from kresnet.spec.recipe import FolderData


def test_examples_come_in_the_order_that_is_asked(image_folder):
    split = open_data(FolderData(kind="folder", path=str(image_folder)), Input(shape=(8, 8, 3)), 0).train
    (image_folder / "train/cat/004.png").write_bytes(b"text")
    maker = ExampleMaker(split, "classes", None, 90)
    places = np.random.default_rng(0).permutation(len(split))
    made = list(maker.make(places))
    assert [each.position for each in made] == places.tolist()
    for each in made:
        if each.position == 4:
            assert "cat/004.png is not an image" in each.problem.message
            continue
        image, name = record_texts(each.record)
        assert image == (image_folder / "train" / name).read_bytes()
        assert each.digest == image_digest(image) == hashlib.blake2b(image, digest_size=16).digest()
    found = dict(zip(places.tolist(), maker.digests(places), strict=True))
    assert {each.position: each.digest for each in made if not each.problem}.items() <= found.items()


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "P"])
def test_what_can_be_decoded(mode):
    file = io.BytesIO()
    Image.new(mode, (5, 4)).save(file, "PNG")
    assert is_readable(file.getvalue())
    assert not is_readable(file.getvalue()[:50])
    assert not is_readable(b"")
