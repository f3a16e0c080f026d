"""Fixtures of several tests of weights: trained weights of others, a small network and its `.keras` file."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from kresnet.plan import Plan, plan_loaded
from kresnet.runtime import import_tensorflow
from kresnet.spec.loading import load_spec
from tests.weights.small_weight_files import SMALL

DATA = Path(os.environ.get("KRESNET_TEST_DATA", Path(__file__).resolve().parents[3] / "shared" / "data"))


@pytest.fixture(scope="session")
def trained() -> Path:
    """The folder of Idelbayev's CIFAR-10 weights and what PyTorch computes with them."""
    folder = DATA / "weights"
    if not folder.is_dir():
        pytest.skip(f"no weights in {folder}; set KRESNET_TEST_DATA")
    return folder


@pytest.fixture(scope="session")
def plan(tmp_path_factory) -> Plan:
    """The plan of a small bottleneck network."""
    path = tmp_path_factory.mktemp("spec") / "small.yaml"
    path.write_text(SMALL)
    return plan_loaded(load_spec(str(path)))


@pytest.fixture(scope="session")
def honest(plan, tmp_path_factory) -> Path:
    """A `.keras` file as kresnet writes it."""
    import_tensorflow()
    from kresnet.graph import build_model

    path = tmp_path_factory.mktemp("model") / "model.keras"
    build_model(plan).save(path)
    return path
