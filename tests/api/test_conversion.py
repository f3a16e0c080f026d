"""Weights that are converted."""

from __future__ import annotations

import keras
import numpy as np
import pytest

import kresnet


def test_weights_are_converted_to_the_network_that_they_are_of(whole, tmp_path):
    done = kresnet.convert(whole.directory.model, whole.network, tmp_path / "again.keras", progress=False)
    assert done.as_dict()["weights"] == len(done.match.pairs) > 0
    assert kresnet.load(done.spec).plan().records == whole.network.plan().records
    converted = keras.models.load_model(done.path).get_weights()
    for one, other in zip(converted, whole.model().get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    with pytest.raises(kresnet.KresnetError, match="already exists"):
        kresnet.convert(whole.directory.model, whole.network, done.path)
