"""Files of keras.applications: those that Keras fetches."""

from __future__ import annotations

import keras
import pytest
from keras.src.applications import convnext, resnet

from kresnet.errors import KresnetError
from kresnet.spec.library import shipped_names
from kresnet.weights.pretrained.keras_files import KERAS_FILES, keras_file


@pytest.mark.parametrize("name", KERAS_FILES)
def test_files_are_those_that_keras_knows(name):
    file = keras_file(name)
    module, own = (resnet, name.lower()) if name.startswith("ResNet") else (convnext, file.spec)
    assert module.WEIGHTS_HASHES[own][0] == file.digest
    assert file.address.startswith(module.BASE_WEIGHTS_PATH)
    assert file.address.rpartition("/")[2].startswith(own)
    assert file.spec in shipped_names()
    assert hasattr(keras.applications, name)


def test_a_misspelt_name_is_told_the_nearest():
    with pytest.raises(KresnetError) as raised:
        keras_file("ConvNextTiny")
    assert raised.value.problems[0].nearest == "keras/ConvNeXtTiny"
