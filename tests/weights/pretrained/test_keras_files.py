"""Files of keras.applications: those that Keras fetches."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import keras
import pytest

from kresnet.errors import KresnetError
from kresnet.spec.library import shipped_names
from kresnet.weights.pretrained.keras_files import KERAS_FILES, keras_file


class _Asked(Exception):
    """What Keras would download."""

    def __init__(self, address: str, digest: str | None) -> None:
        super().__init__(address)
        self.address, self.digest = address, digest


def _raise_asked(name: str, origin: str, file_hash: str | None = None, **rest: Any) -> None:
    raise _Asked(origin, file_hash)


@pytest.mark.parametrize("name", KERAS_FILES)
def test_kerass_files_are_those_that_keras_fetches(name, monkeypatch):
    file = KERAS_FILES[name]
    assert file.spec in shipped_names()
    function = getattr(keras.applications, file.model)
    module = import_module(function.__module__)
    monkeypatch.setattr(module.file_utils, "get_file", _raise_asked)
    monkeypatch.setattr(module, "Functional", lambda *given, **named: None)  # nothing that only weights would need
    with pytest.raises(_Asked) as asked:
        function(weights="imagenet", **file.arguments)
    assert asked.value.address == file.address
    assert (asked.value.digest or "") == file.digest


def test_a_misspelt_name_is_told_the_nearest():
    with pytest.raises(KresnetError) as raised:
        keras_file("ConvNextTiny")
    assert raised.value.problems[0].nearest == "keras/ConvNeXtTiny"
