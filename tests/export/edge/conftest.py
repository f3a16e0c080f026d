"""A small network as a float file and as files of integers, made once."""

from __future__ import annotations

import numpy as np
import pytest

from kresnet.export.edge.export_rows import ExportRows
from kresnet.export.edge.quantization import Ranges, calibrate, quantize
from tests.export.edge.small_files import SmallNetwork, small_network


@pytest.fixture(scope="session")
def small() -> SmallNetwork:
    return small_network()


@pytest.fixture(scope="session")
def ranges(small: SmallNetwork) -> Ranges:
    return calibrate(small.float_file, small.rows, "image")


@pytest.fixture(scope="session")
def int8_file(small: SmallNetwork, ranges: Ranges) -> bytes:
    return quantize(small.float_file, "int8", ranges)


@pytest.fixture(scope="session")
def labelled(small: SmallNetwork) -> ExportRows:
    """Inputs, and what the float network says of them, which is thus right."""
    return ExportRows(small.rows, "test rows", np.asarray(small.probabilities.argmax(axis=1), np.int32))
