"""Some training images of each class as pictures."""

import base64
import io
from dataclasses import replace

import numpy as np
from PIL import Image

from kresnet.data.sources import open_data
from kresnet.evaluation.class_pictures import class_pictures
from kresnet.spec.inputs import Input, Pixels
from kresnet.spec.recipe import EmbeddedData, FolderData


def test_pictures_are_training_images_of_their_class():
    data = open_data(EmbeddedData(kind="embedded"), Input(shape=(28, 28, 1), pixels=Pixels()), 0)
    found = class_pictures(data)
    assert list(found) == list(data.class_names)
    images, labels = (each.numpy() for each in data.train.fetch(np.arange(len(data.train))))
    of_class = {images[n, :, :, 0].tobytes() for n in np.flatnonzero(labels == 3)}
    for uri in found[data.class_names[3]]:
        pixels = np.asarray(Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2]))).convert("L"))
        assert pixels.tobytes() in of_class
    assert class_pictures(replace(data, train=data.test)) != found


def test_what_cannot_be_read_is_not_shown(tmp_path):
    for split in ("train", "test"):
        for name in ("a", "b"):
            (tmp_path / split / name).mkdir(parents=True)
            (tmp_path / split / name / "0.png").write_bytes(b"no image")
    data = open_data(FolderData(kind="folder", path=str(tmp_path)), Input(shape=(8, 8, 1), pixels=Pixels()), 0)
    assert class_pictures(data) == {}
