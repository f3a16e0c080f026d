"""What every test begins with."""

from __future__ import annotations

import gc
import os

# Tables are as wide as COLUMNS says, which pytest-xdist sets, and many a shell exports.
for name in ("COLUMNS", "LINES"):
    os.environ.pop(name, None)


def pytest_collection_finish() -> None:
    """Leave what was imported out of collections: one in a process with TensorFlow takes a quarter of a second."""
    gc.collect()
    gc.freeze()
