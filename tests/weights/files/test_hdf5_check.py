"""HDF5 files that the HDF5 library does not come back from are refused, and those that it reads are not."""

from __future__ import annotations

import gzip
import io
from pathlib import Path

import h5py
import numpy as np
import pytest

from kresnet.weights.files import hdf5_check
from kresnet.weights.files.hdf5_check import require_readable_hdf5

#: A file of Keras's with some flipped bits, among which HDF5 1.14 goes in circles.
ENDLESS = gzip.decompress((Path(__file__).parent / "endless.h5.gz").read_bytes())


@pytest.fixture(autouse=True)
def short_waits(monkeypatch):
    monkeypatch.setattr(hdf5_check, "_LEAST_SECONDS", 5.0)


@pytest.mark.parametrize("in_memory", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_a_file_that_is_read_without_end_is_refused(tmp_path, in_memory):
    (tmp_path / "endless.h5").write_bytes(ENDLESS)
    with pytest.raises(ValueError, match="does not come to an end"):
        require_readable_hdf5(io.BytesIO(ENDLESS) if in_memory else tmp_path / "endless.h5")


def test_a_crash_is_refused(tmp_path, monkeypatch):
    crash = [hdf5_check.sys.executable, "-c", "import os; os.abort()"]
    monkeypatch.setattr(hdf5_check, "python_command", lambda *_: crash)
    with pytest.raises(ValueError, match="crashes"):
        require_readable_hdf5(io.BytesIO(b""))


@pytest.mark.parametrize("in_memory", [False, True])
def test_what_can_be_read_or_is_an_ordinary_error_passes(tmp_path, in_memory, monkeypatch):
    monkeypatch.undo()
    path = tmp_path / "good.h5"
    with h5py.File(path, "w") as file:
        file["group/values"] = np.arange(10)
        file["group"].attrs["name"] = "dense"
    for content in (path.read_bytes(), b"", b"no HDF5", path.read_bytes()[:900]):
        path.write_bytes(content)
        require_readable_hdf5(io.BytesIO(content) if in_memory else path)
