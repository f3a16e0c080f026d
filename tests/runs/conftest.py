"""What tests of a run's files share."""

from __future__ import annotations

from pathlib import Path

import pytest

from kresnet.runs.run_directory import RunDirectory
from kresnet.runs.run_start import create_run
from tests.runs.begun_run import RUN


@pytest.fixture
def directory(tmp_path: Path) -> RunDirectory:
    """A run that was created and has made no step."""
    directory = RunDirectory(tmp_path / "run")
    create_run(directory, RUN, {"versions": {"kresnet": "0.1.0"}})
    return directory
