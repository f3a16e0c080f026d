"""Where trained weights of others lie, for the tests that need them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

DATA = Path(os.environ.get("KRESNET_TEST_DATA", Path(__file__).resolve().parents[3] / "shared" / "data"))


@pytest.fixture(scope="session")
def trained() -> Path:
    """The folder of Idelbayev's CIFAR-10 weights and what PyTorch computes with them."""
    folder = DATA / "weights"
    if not folder.is_dir():
        pytest.skip(f"no weights in {folder}; set KRESNET_TEST_DATA")
    return folder
