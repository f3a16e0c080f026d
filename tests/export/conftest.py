"""One export that the tests share (TensorFlow makes each a second's work)."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import pytest

from kresnet.export.sample_inputs import SampleInputs
from kresnet.export.saved_model import ExportResult, export_model
from tests.export.networks import CLASS_NAMES, network, spec_of


@pytest.fixture(scope="session")
def model() -> keras.Model:
    return network()


@pytest.fixture(scope="session")
def images() -> list[np.ndarray]:
    """Images of many sizes, colour and grey."""
    generator = np.random.default_rng(1)
    sizes = [(12, 10, 3), (24, 31, 3), (5, 7, 3), (12, 10, 1), (40, 40)]
    return [generator.integers(0, 256, sizes[index % len(sizes)], np.uint8) for index in range(9)]


@pytest.fixture(scope="session")
def exported(model: keras.Model, images: list[np.ndarray], tmp_path_factory: pytest.TempPathFactory) -> ExportResult:
    given = SampleInputs(images, "noise of many sizes")
    return export_model(model, spec_of(), CLASS_NAMES, tmp_path_factory.mktemp("models"), inputs=given)


@pytest.fixture
def copied(exported: ExportResult, tmp_path: Path) -> Path:
    """A copy of the shared export, to be spoiled."""
    return Path(shutil.copytree(exported.path, tmp_path / "tiny" / "1"))


@pytest.fixture
def edit() -> Callable[[Path, bytes, bytes], None]:
    """Replace bytes in a file by as many others."""

    def replace(path: Path, old: bytes, new: bytes) -> None:
        data = path.read_bytes()
        assert len(old) == len(new)
        assert old in data
        path.write_bytes(data.replace(old, new))

    return replace
