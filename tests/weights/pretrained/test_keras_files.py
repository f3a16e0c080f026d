"""Files of keras.applications: those that Keras fetches."""

from __future__ import annotations

import keras
import pytest
from keras.src.applications import convnext, efficientnet, efficientnet_v2, mobilenet_v3, resnet
from keras.src.utils import file_utils

from kresnet.errors import KresnetError
from kresnet.spec.library import shipped_names
from kresnet.weights.pretrained.keras_files import KERAS_FILES, keras_file


@pytest.mark.parametrize("name", [name for name in KERAS_FILES if name.startswith(("ResNet", "ConvNeXt"))])
def test_files_are_those_that_keras_knows(name):
    file = keras_file(name)
    module, own = (resnet, name.lower()) if name.startswith("ResNet") else (convnext, file.spec)
    assert module.WEIGHTS_HASHES[own][0] == file.digest
    assert file.address.startswith(module.BASE_WEIGHTS_PATH)
    assert file.address.rpartition("/")[2].startswith(own)
    assert file.spec in shipped_names()
    assert hasattr(keras.applications, name)


@pytest.mark.parametrize("name", [name for name in KERAS_FILES if name.startswith("MobileNetV3")])
def test_files_of_mobilenet_v3_are_those_that_keras_knows(name):
    file = keras_file(name)
    known = file.address.rpartition("weights_mobilenet_v3_")[2].removesuffix(".h5")
    assert mobilenet_v3.WEIGHTS_HASHES[known][0] == file.digest
    assert file.address.startswith(mobilenet_v3.BASE_WEIGHT_PATH)
    assert file.spec in shipped_names()


@pytest.mark.parametrize("name", [name for name in KERAS_FILES if name.startswith("EfficientNet")])
def test_files_of_efficientnets_are_those_that_keras_knows(name):
    file = keras_file(name)
    second = name.startswith("EfficientNetV2")
    size = name.removeprefix("EfficientNet").removeprefix("V2").lower()
    module, own = (efficientnet_v2, f"efficientnetv2-{size}") if second else (efficientnet, f"efficientnet{size}")
    assert module.WEIGHTS_HASHES[f"-{size}" if size in "sml" else size][0] == file.digest
    assert file.address == f"{module.BASE_WEIGHTS_PATH}{own}.h5"
    assert file.spec in shipped_names()
    assert hasattr(keras.applications, name)


def test_a_file_of_mobilenet_v2_is_the_one_that_keras_fetches(monkeypatch):
    asked = []

    def get_file(name, origin, **rest):
        asked.append((origin, rest.get("file_hash") or ""))
        raise FileNotFoundError(origin)

    monkeypatch.setattr(file_utils, "get_file", get_file)
    file = keras_file("MobileNetV2-0.35")
    with pytest.raises(FileNotFoundError):
        keras.applications.MobileNetV2(weights="imagenet", **file.arguments)
    assert asked == [(file.address, file.digest)]


def test_a_misspelt_name_is_told_the_nearest():
    with pytest.raises(KresnetError) as raised:
        keras_file("ConvNextTiny")
    assert raised.value.problems[0].nearest == "keras/ConvNeXtTiny"
