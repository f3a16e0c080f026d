"""Documents by name and by path, and the nearest valid name."""

from __future__ import annotations

import pytest

from kresnet.spec import library
from kresnet.spec.loading import load_spec
from tests.spec.test_loading import problem


@pytest.mark.parametrize("name", library.shipped_names())
def test_shipped_specs_load_by_name_and_by_path(name):
    assert load_spec(name).value == load_spec(str(library.shipped_directory() / f"{name}.yaml")).value


def test_an_unknown_name_and_the_nearest():
    found = problem("resnet51")
    assert (found.code, found.nearest) == ("unknown_name", "resnet50") or found.nearest.startswith("resnet")
    assert problem("./resnet50.yml").code == "file_missing"


def test_a_misspelt_file_and_the_nearest_beside_it(tmp_path):
    (tmp_path / "network.yaml").write_text("extends: resnet18")
    (tmp_path / "netwrk.txt").write_text("")
    found = problem(str(tmp_path / "netwrk.yaml"))
    assert (found.code, found.nearest) == ("file_missing", str(tmp_path / "network.yaml"))
    assert "kresnet specs" in found.remedy
    assert problem(str(tmp_path / "gone" / "resnet5.yaml")).nearest == "resnet50"
