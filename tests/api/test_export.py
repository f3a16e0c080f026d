"""Runs that are exported, and weights by name that are served."""

from __future__ import annotations

import pytest

import kresnet
from kresnet.api.export import served_weights
from kresnet.export.manifest import CLASS_NAMES
from tests.weights import small_hub_model as small


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


def test_a_server_is_given_an_export_that_is_made_once(kept, monkeypatch, tmp_path):
    exports = []

    def export(model, folder):
        exports.append(model)
        (folder / small.NAME.rpartition("/")[2] / "1").mkdir(parents=True)

    monkeypatch.setattr("kresnet.api.export.export_model", export)
    folder = served_weights(small.NAME)
    assert served_weights(small.NAME) == folder
    assert [path.parent for path in exports] == [folder.parent]
    assert served_weights(tmp_path / "models") == tmp_path / "models"
