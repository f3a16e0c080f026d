"""The verbs of weights by name, as typed."""

from __future__ import annotations

import json
import shutil

import pytest
from PIL import Image

from tests.command import kresnet, users_environment
from tests.weights import small_hub_model as small


@pytest.fixture
def environment(hub, converted, tmp_path):
    """The environment of a user whose hub is on loopback and whose cache holds the small model."""
    shutil.copytree(converted, tmp_path / "kresnet" / "weights" / converted.name)
    hub.add(small.NAME, small.files())
    return {**users_environment(), "HF_HOME": str(tmp_path / "home"), "COLUMNS": "200"}


def test_list_show_and_pull_as_typed(environment, tmp_path):
    listed = kresnet("weights", "list", "timm/resnet26*", "--licence", "apache-2.0", env=environment)
    assert "timm/resnet26d.bt_in1k" in listed.stdout
    assert "16,011,872" in listed.stdout
    as_json = json.loads(kresnet("weights", "list", "--max-params", "30M", "--json", env=environment).stdout)
    assert max(entry["parameters"] for entry in as_json["weights"]) <= 30e6
    shown = kresnet("weights", "show", small.NAME, env=environment).stdout
    assert "architecture: resnet50d\n" in shown
    assert "licence: apache-2.0\n" in shown
    pulled = kresnet("weights", "pull", small.NAME, "-o", "start.keras", cwd=tmp_path, env=environment)
    assert pulled.stdout == "start.keras\n"
    assert "bit for bit" in pulled.stderr
    assert sorted(path.name for path in tmp_path.glob("start.*")) == ["start.json", "start.keras", "start.yaml"]
    again = kresnet("weights", "pull", small.NAME, "-o", "start.keras", cwd=tmp_path, env=environment)
    assert again.returncode == 2
    assert "[output_exists]" in again.stderr


def test_predict_by_name_as_typed_and_without_a_network(environment, tmp_path):
    Image.fromarray(small.photographs()[0]).save(tmp_path / "photo.png")
    answer = kresnet("predict", small.NAME, "photo.png", cwd=tmp_path, env=environment)
    assert answer.stdout.startswith("photo.png: class 1 0.26")
    offline = {**environment, "HF_HUB_OFFLINE": "1"}
    assert kresnet("predict", small.NAME, "photo.png", cwd=tmp_path, env=offline).stdout == answer.stdout
    nowhere = kresnet("predict", "timm/resnet50.a1_in1k", "photo.png", cwd=tmp_path, env=offline)
    assert nowhere.returncode == 2
    assert "[weights_unreachable]" in nowhere.stderr
    assert "kresnet weights pull timm/resnet50.a1_in1k -o start.keras" in nowhere.stderr
    assert nowhere.stdout == ""
