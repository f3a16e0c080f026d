"""Weights that are converted, and runs that are exported."""

from __future__ import annotations

import keras
import numpy as np
import pytest

import kresnet
from kresnet.export.manifest import CLASS_NAMES


def test_weights_are_converted_to_the_network_that_they_are_of(whole, tmp_path):
    done = kresnet.convert(whole.directory.model, whole.network, tmp_path / "again.keras", progress=False)
    assert done.as_dict()["weights"] == len(done.match.pairs) > 0
    assert kresnet.load(done.spec).plan().records == whole.network.plan().records
    converted = keras.models.load_model(done.path).get_weights()
    for one, other in zip(converted, whole.model().get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    with pytest.raises(kresnet.KresnetError, match="already exists"):
        kresnet.convert(whole.directory.model, whole.network, done.path)


def test_a_run_is_exported_with_names_and_proved_again(whole, tmp_path):
    result = whole.export(tmp_path / "models", signatures=(), classes=["dark", "grey", "bright"], progress=False)
    assert (result.path, result.version) == (tmp_path / "models" / "tiny" / "1", 1)
    assert result.report.passed
    assert (result.path / CLASS_NAMES).read_text().splitlines() == ["dark", "grey", "bright"]
    assert kresnet.check_export(result.path).passed


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"fold": "perhaps"}, "bad_option"),
        ({"weights": "int8"}, "bad_option"),
        ({"format": "coreml"}, "bad_option"),
        ({"version": "two"}, "bad_option"),
        ({"version": -1}, "bad_option"),
        ({"format": "onnx", "version": 2}, "bad_option"),
        ({"spec": "resnet18"}, "bad_option"),
        ({"classes": ["one"]}, "data_mismatch"),
        ({"images": "nowhere"}, "data_missing"),
    ],
)
def test_wrong_options_of_an_export_are_told(whole, tmp_path, options, code):
    with pytest.raises(kresnet.KresnetError) as caught:
        whole.export(tmp_path / "models", progress=False, **options)
    assert caught.value.problems[0].code == code
    assert not (tmp_path / "models").exists()
