"""What is said of a text: the plan's own figures, and whatever a text holds as text."""

from __future__ import annotations

import re

import pytest

import kresnet
from kresnet.errors import KresnetError
from kresnet.pages.editor.answers import describe_both, describe_changes, describe_spec, describe_study, problem_values
from kresnet.pages.editor.document_file import DocumentFile


@pytest.fixture
def file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.yaml").write_text("extends: cifar_resnet20\nname: mine\n")
    return DocumentFile("spec", "mine.yaml")


def test_a_network_is_described_by_its_plan(file):
    found = describe_spec(file, "extends: cifar_resnet20\nname: mine\nhead: {classes: 7}\n", "network", 8, "bfloat16")
    plan = kresnet.load("cifar_resnet20", {"head.classes": 7, "name": "mine"}).plan()
    assert found["line"].startswith(f"mine: {plan.trainable + plan.non_trainable:,} parameters")
    assert "Stage 3" in found["network"]
    assert "Blocks 2-3" in found["network"]
    layers = describe_spec(file, "extends: cifar_resnet20\nname: mine\nhead: {classes: 7}\n", "layers", 8, "bfloat16")
    assert "For a batch of 8 in bfloat16" in layers["layers"]
    assert found["command"] == "kresnet plan mine.yaml --set head.classes=7"


def test_changes_are_those_of_the_difference(file):
    text = "extends: cifar_resnet20\nname: mine\nblock: {shortcut: none}\n"
    found = describe_changes(file, text, "")
    assert "block.shortcut" in found["changes"]
    lines = kresnet.diff("cifar_resnet20", "cifar_plain20").cost_lines()
    assert all(line in found["changes"] for line in lines)
    assert found["command"] == "kresnet diff mine.yaml mine.yaml --set-b 'block.shortcut=\"none\"'"
    same = describe_changes(file, file.read().text, "cifar_resnet20")
    assert "The same network as cifar_resnet20." in same["changes"]
    assert same["command"] == "kresnet diff cifar_resnet20 mine.yaml"


def test_two_networks_stand_side_by_side(file):
    found = describe_both(file, file.read().text, "cifar_plain20")
    assert re.findall(r"<h2>(\w+)", found["both"]) == ["cifar_plain20", "mine"]
    assert found["command"] == "kresnet diff cifar_plain20 mine.yaml"


def test_names_with_html_in_them_are_text(file):
    text = "extends: cifar_resnet20\nname: mine\nsource: '<img src=x onerror=alert(1)>'\n"
    found = describe_spec(file, text, "network", 8, "float32")
    assert "<img" not in found["network"]
    assert "&lt;img" in found["network"]


def test_problems_say_whether_they_are_of_this_document(file, tmp_path):
    (tmp_path / "base.yaml").write_text("extends: cifar_resnet20\nname: base\nheads: 3\n")
    with pytest.raises(KresnetError) as caught:
        describe_spec(file, "extends: base.yaml\nname: mine\nhaed: 3\n", "network", 8, "float32")
    mine, base = sorted(problem_values(file, caught.value), key=lambda each: not each["here"])
    assert (mine["here"], mine["line"], mine["column"], mine["nearest"]) == (True, 3, 1, "head")
    assert base["here"] is False
    assert "base.yaml:3:1" in base["text"]


def test_a_study_is_its_variants(file):
    study = DocumentFile("study", None)
    found = describe_study(study, study.read().text)
    assert found["line"] == "mine: 2 variants, 1 seeds, 2 runs"
    assert "plain" in found["variants"]
