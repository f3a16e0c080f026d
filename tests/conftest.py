"""What every test begins with."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Iterator

import pytest

# Tables are as wide as COLUMNS says, which pytest-xdist sets, and many a shell exports.
for name in ("COLUMNS", "LINES"):
    os.environ.pop(name, None)


def pytest_collection_finish() -> None:
    """Leave what was imported out of collections: one in a process with TensorFlow takes a quarter of a second."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def _kernels_of_before() -> Iterator[None]:
    """Take back that kernels are deterministic, which a run that wants it sets for its whole process."""
    yield
    if "tensorflow" in sys.modules:
        from tensorflow.python.framework.config import disable_op_determinism, is_op_determinism_enabled

        if is_op_determinism_enabled():
            disable_op_determinism()
