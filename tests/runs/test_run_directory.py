"""The files of a run are read back as they were written, and what is missing or damaged is named."""

from __future__ import annotations

import pytest

from kresnet.errors import KresnetError
from kresnet.runs.config_drift import ConfigChange
from kresnet.runs.run_directory import RunDirectory
from tests.runs.begun_run import RUN


def test_what_a_run_was_created_with_is_read_back(directory):
    opened = RunDirectory.open(directory.path)
    assert (opened.resolved.spec, opened.resolved.recipe, opened.resolved.plan) == (RUN.spec, RUN.recipe, RUN.plan)
    original = opened.original_config()
    assert original["spec"] == RUN.spec.document()
    assert original["recipe"] == RUN.recipe.document()
    assert original["data"] == opened.data()
    assert original["data"]["fingerprint"] == "abc"
    assert original["environment"] == {"versions": {"kresnet": "0.1.0"}}
    assert opened.read_transfer() is None
    assert opened.read_result() is None
    assert opened.newest_step() == 0


def test_a_damaged_file_of_a_transfer_is_named(directory):
    (directory.path / "transfer.json").write_text('{"init": "a.keras"}')
    with pytest.raises(KresnetError, match=r"(?s)transfer\.json.*run_missing"):
        _ = RunDirectory(directory.path).resolved


def test_a_folder_without_a_runs_documents_is_no_run(directory, tmp_path):
    (directory.path / "data.json").unlink()
    for path in (directory.path, tmp_path):
        with pytest.raises(KresnetError, match="run_missing"):
            RunDirectory.open(path)
    with pytest.raises(KresnetError, match=r"(?s)run_missing.*--resume"):
        directory.require_model()


def test_accepted_changes_are_told_and_become_what_later_resumptions_are_compared_with(directory):
    assert directory.accepted_changes() == []
    present = directory.original_config()
    present["recipe"]["seed"] = 7
    directory.accept_changes([ConfigChange("recipe.seed", 0, 7)], present)
    assert directory.accepted_changes() == ["after step 0: recipe.seed was 0 and is 7"]
    assert directory.original_config() == present
