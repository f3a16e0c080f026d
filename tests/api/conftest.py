"""One run, and weights by name, for all tests of the Python interface."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

import kresnet
from tests.api.networks import SPEC, recipe
from tests.weights import small_hub_model as small


@pytest.fixture(scope="session")
def home(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("api")


@pytest.fixture(scope="session")
def whole(home) -> kresnet.Run:
    """A run that nothing interrupted."""
    return kresnet.fit(SPEC, recipe(home), output=home / "whole", progress=False)


@pytest.fixture
def kept(hub, converted, tmp_path):
    """The small model on the hub, and in the cache."""
    shutil.copytree(converted, tmp_path / "kresnet" / "weights" / converted.name)
    return hub.add(small.NAME, small.files())
