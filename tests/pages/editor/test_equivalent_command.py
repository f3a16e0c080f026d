"""The command that is shown, carried out: it loads what the page shows."""

from __future__ import annotations

import shlex

import pytest

import kresnet
from kresnet.pages.editor.document_file import DocumentFile
from kresnet.pages.editor.equivalent_command import command, unsaved_overrides

TEXT = """\
name: small
input: {shape: [32, 32, 3]}
stem: {kind: conv, width: 8, kernel: 3}
block: {kind: basic}
stages:
  - {blocks: 1, width: 8}
  - {blocks: 1, width: 16, stride: 2}
head: {classes: 10}
"""


@pytest.fixture
def file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my spec.yaml").write_text(TEXT)
    return DocumentFile("spec", "my spec.yaml")


@pytest.mark.parametrize(
    ("before", "after", "overrides"),
    [
        ("classes: 10", "classes: 10", []),
        ("classes: 10", "classes: 7", ["head.classes=7"]),
        ("blocks: 1, width: 16", "blocks: 3, width: 16", ["stages.1.blocks=3"]),
        ("kind: basic", "kind: bottleneck", ['block={"kind": "bottleneck"}']),
        ("{kind: basic}", "{kind: basic, shortcut: none}", ['block.shortcut="none"']),
        ("  - {blocks: 1, width: 8}\n", "", ['stages=[{"blocks": 1, "width": 16, "stride": 2}]']),
        ("name: small", "name: other", ['name="other"']),
    ],
)
def test_unsaved_changes_are_overrides_that_give_the_same_network(file, before, after, overrides):
    loaded = file.load(TEXT.replace(before, after))
    assert unsaved_overrides(file, loaded) == overrides
    words = shlex.split(command("plan", file, loaded))
    assert words[:3] == ["kresnet", "plan", "my spec.yaml"]
    assert kresnet.load(words[2], words[4::2]).spec == loaded.value


def test_what_no_override_says_is_told_to_be_saved_first(file):
    loaded = file.load(TEXT.replace(", stride: 2", ""))  # a setting is gone
    assert unsaved_overrides(file, loaded) is None
    assert command("plan", file, loaded) == "kresnet plan 'my spec.yaml'  # once it is saved"
    new = DocumentFile("spec", None)
    assert unsaved_overrides(new, new.load(new.read().text)) is None


def test_settings_of_a_recipe_are_named_as_such(file):
    recipe = DocumentFile("recipe", "quickstart")
    loaded = recipe.load("extends: quickstart\nname: quickstart\nepochs: 3\n")
    words = command("fit", recipe, loaded)
    assert words == "kresnet fit quickstart --set recipe.epochs=3"
