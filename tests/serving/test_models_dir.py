"""Which folders hold models."""

from __future__ import annotations

from pathlib import Path

import pytest

from kresnet.errors import KresnetError
from kresnet.serving.models_dir import find_models, newest_version_folder, require_models


@pytest.fixture
def models(tmp_path: Path) -> Path:
    for name in ("one/1", "one/10", "one/9", "two/7", "empty/1", "staged/.export-x"):
        (tmp_path / name).mkdir(parents=True)
        if not name.startswith("empty"):
            (tmp_path / name / "saved_model.pb").touch()
    (tmp_path / "models.config").touch()
    return tmp_path


def test_models_are_the_folders_with_a_version(models: Path) -> None:
    assert find_models(models) == {"one": models / "one", "two": models / "two"}
    assert find_models(models / "one") == {"one": models / "one"}


def test_the_newest_version_is_the_largest_number(models: Path) -> None:
    assert newest_version_folder(models / "one") == models / "one" / "10"


@pytest.mark.parametrize("name", ["empty", "staged", "absent", "models.config"])
def test_a_folder_without_models_is_told(name: str, models: Path) -> None:
    with pytest.raises(KresnetError) as caught:
        require_models(models / name)
    assert [problem.code for problem in caught.value.problems] == ["model_unreadable"]
