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


@pytest.fixture(scope="session")
def converted(tmp_path_factory):
    """The folder in which the small model of the hub was converted, as the cache keeps it."""
    from kresnet.weights.pull import pull_weights
    from kresnet.weights.weight_names import parse_weight_name
    from tests.weights import small_hub_model
    from tests.weights.hub_server import serving_hub

    folder = tmp_path_factory.mktemp("converted")
    with serving_hub() as server, pytest.MonkeyPatch.context() as patch:
        patch.setenv("HF_ENDPOINT", server.address)
        patch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(folder / "huggingface"))
        patch.setenv("KRESNET_CACHE_DIR", str(folder))
        server.add(small_hub_model.NAME, small_hub_model.files())
        return pull_weights(parse_weight_name(small_hub_model.NAME)).model.parent


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """A hub on loopback, asked by this process, with an empty cache; who waits before asking again, does not."""
    import huggingface_hub.file_download
    import huggingface_hub.utils._http
    from huggingface_hub import constants

    from tests.weights.hub_server import serving_hub

    with serving_hub() as server:
        monkeypatch.setenv("HF_ENDPOINT", server.address)
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "huggingface"))
        monkeypatch.setenv("KRESNET_CACHE_DIR", str(tmp_path / "kresnet"))
        for module in (huggingface_hub.utils._http, huggingface_hub.file_download):
            monkeypatch.setattr(module.time, "sleep", lambda seconds: None)
        yield server
