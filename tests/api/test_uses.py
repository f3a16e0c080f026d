"""What can be done with a network or a run: checked, converted, exported; the command line's tests try the rest."""

from __future__ import annotations

import keras
import numpy as np
import pytest

import kresnet
from kresnet.export.manifest import CLASS_NAMES


def test_batch_norms_of_a_network_and_of_a_run_are_checked(whole):
    report = kresnet.check_batch_norm(whole, batch=8)
    assert report.passed
    assert len(report.norms) == sum(record.kind == "norm" for record in whole.network.plan().records)
    assert str(whole.directory.model) in report.conditions.provenance[0]
    assert report.as_dict()["passed"] is True
    with pytest.raises(kresnet.KresnetError, match="no batch norm"):
        kresnet.check_batch_norm(whole.network.override({"norm": {"kind": "none"}}), recipe=whole.recipe)


def test_gradients_of_two_networks_are_measured_drawn_and_written(whole, tmp_path):
    residual, plain = (
        kresnet.check_gradients(network, recipe=whole.recipe, batch=8)
        for network in (whole.network, whole.network.override({"block.shortcut": "none", "name": "plain"}))
    )
    assert residual.flow.blocks[0].identity is not None
    assert plain.flow.blocks[0].identity is None
    assert len(residual.plot(plain).axes) == 4
    residual.save(tmp_path / "figures", plain)
    assert sorted(path.name for path in (tmp_path / "figures").iterdir()) == [
        "gradients.json",
        "gradients.png",
        "gradients.svg",
    ]
    with pytest.raises(kresnet.KresnetError, match="already exists"):
        residual.save(tmp_path / "figures")


def test_weights_are_converted_to_the_network_that_they_are_of(whole, tmp_path):
    done = kresnet.convert(whole.directory.model, whole.network, tmp_path / "again.keras", progress=False)
    assert done.as_dict()["weights"] == len(done.found.pairs) > 0
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
