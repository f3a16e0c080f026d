"""One run for all tests of the Python interface."""

from __future__ import annotations

from pathlib import Path

import pytest

import kresnet
from tests.api.networks import SPEC, recipe


@pytest.fixture(scope="session")
def home(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("api")


@pytest.fixture(scope="session")
def whole(home) -> kresnet.Run:
    """A run that nothing interrupted."""
    return kresnet.fit(SPEC, recipe(home), output=home / "whole", progress=False)
