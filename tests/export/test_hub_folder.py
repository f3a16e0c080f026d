"""A run as a repository of the hub: what timm reads, what people read, and nothing that computes otherwise."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from kresnet.errors import KresnetError
from kresnet.export.hub_folder import require_equal_network, write_hub_folder
from kresnet.runs.trained_model import open_trained_model
from kresnet.spec.document import parse_document
from kresnet.weights.convert import load_model


@pytest.fixture(scope="module")
def written(transferred, tmp_path_factory):
    """What was written, of which network."""
    trained = open_trained_model(transferred)
    model = load_model(trained.model, trained.plan)
    folder = tmp_path_factory.mktemp("pushed")
    return write_hub_folder(trained, model, folder, repository="me/mine", licence="mit"), trained, model


def test_the_folder_holds_timms_form_and_kresnets(written):
    found, trained, model = written
    assert found.architecture == "resnet50d"
    assert found.files == (
        "README.md", "config.json", "model.keras", "model.safetensors", "model.yaml", "recipe.yaml"
    )  # fmt: skip
    config = json.loads((found.place / "config.json").read_text())
    assert config["label_names"] == ["a", "b", "c"]
    assert config["model_args"]["channels"] == [4, 4, 8, 8]
    assert config["pretrained_cfg"]["crop_pct"] == 0.92
    assert config["pretrained_cfg"]["license"] == "mit"
    assert "0.0e+00" in require_equal_network(found.place, model, trained.plan)


def test_weights_that_compute_otherwise_are_refused(written, tmp_path):
    found, trained, model = written
    folder = shutil.copytree(found.place, tmp_path / "changed")
    tensors = load_file(folder / "model.safetensors")
    save_file({**tensors, "fc.bias": tensors["fc.bias"] + np.float32(1)}, folder / "model.safetensors")
    with pytest.raises(KresnetError) as raised:
        require_equal_network(folder, model, trained.plan)
    assert raised.value.problems[0].code == "export_mismatch"


def test_the_card_says_results_data_licence_and_where_it_began(written):
    found, trained, _ = written
    card = (found.place / "README.md").read_text()
    head = parse_document(card.split("---")[1], "card").values
    assert head["license"] == "mit"
    assert head["base_model"] == "timm/resnet50d.a1_in1k"
    accuracy = trained.run.read_result()["test"]["accuracy"]
    assert f"| test | accuracy | {accuracy:.4f} |" in card
    assert "6 train" in card
    assert "a, b, c" in card
    assert "weights of timm/resnet50d.a1_in1k (licence: apache-2.0)" in card
    assert "kresnet predict hf:me/mine photo.jpg" in card
