"""What every test begins with."""

from __future__ import annotations

import gc
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

HERE = Path(__file__).parent

#: What takes longest, of `make test`. It comes first, so that neither of two processes is left with it at the end.
LONGEST = (
    "study/test_runner.py",
    "pages/editor/test_browser.py",
    "weights/test_keras_applications.py",
    "export/edge/test_file_export.py",
    "distributed/test_two_workers.py",
    "training/test_fit.py",
    "graph/test_stock.py",
    "report/test_browser.py",
    "export/test_proof_checks.py",
    "test_python_processes.py",
    "weights/test_conversion.py",
    "data/prepared/test_remote_storage.py",
    "faults/test_faults.py",
    "distributed/test_mirrored_training.py",
    "test_native_messages.py",
    "graph/test_build.py",
    "training/loop/test_monitors.py",
    "weights/test_timm_families.py",
    "diagnostics/test_explain.py",
    "docs/test_docs.py",
)

pytest_plugins = ["tests.weights.hub_fixtures", "tests.search_fixtures"]

# Tables are as wide as COLUMNS says, which pytest-xdist sets, and many a shell exports.
for name in ("COLUMNS", "LINES"):
    os.environ.pop(name, None)


# What a shell runs in the background ignores Ctrl-C, and would have the programs ignore it that tests interrupt.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the files that take longest first, the others behind them in their order."""
    places = {HERE / name: place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: places.get(item.path, len(LONGEST)))


def pytest_collection_finish() -> None:
    """Leave what was imported out of collections: one in a process with TensorFlow takes a quarter of a second."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)  # what TensorFlow traces is many objects, of which few are garbage


@pytest.fixture(autouse=True)
def _kernels_of_before() -> Iterator[None]:
    """Take back that kernels are deterministic, which a run that wants it sets for its whole process."""
    yield
    if "tensorflow" in sys.modules:
        from tensorflow.python.framework.config import disable_op_determinism, is_op_determinism_enabled

        if is_op_determinism_enabled():
            disable_op_determinism()


@pytest.fixture(autouse=True, scope="module")
def _kinds_of_before() -> Iterator[None]:
    """Hold each file of tests to forget the kinds that it registers: the next would list them."""
    yield
    from kresnet.spec.kinds import NamedUnion, OpenUnion

    found = (*OpenUnion.__subclasses__(), *NamedUnion.__subclasses__())
    unions = [union for union in found if union.is_union() and union.__module__.startswith("kresnet.")]
    left = {kind for union in unions for kind, _ in union.kinds.items() if union.kinds.provider(kind)}
    assert not left, f"kinds that a test registered and did not forget: {left}"
