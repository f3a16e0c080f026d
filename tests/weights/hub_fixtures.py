"""Fixtures of a hub on loopback, and of what comes from it: for all rooms, as one conversion is enough."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def converted(tmp_path_factory):
    """The folder in which the small model of the hub was converted, as the cache keeps it."""
    from kresnet.weights.pretrained.pull import pull_weights
    from kresnet.weights.pretrained.weight_names import parse_weight_name
    from tests.weights import small_hub_model
    from tests.weights.hub_server import serving_hub

    folder = tmp_path_factory.mktemp("converted")
    with serving_hub() as server, pytest.MonkeyPatch.context() as patch:
        patch.setenv("HF_ENDPOINT", server.address)
        patch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(folder / "huggingface"))
        patch.setenv("KRESNET_CACHE_DIR", str(folder))
        server.add(small_hub_model.NAME, small_hub_model.files())
        return pull_weights(parse_weight_name(small_hub_model.NAME)).model.parent


@pytest.fixture(scope="session")
def transferred(converted, tmp_path_factory) -> Path:
    """A run of three classes that began with the small model of the hub, as its recipe says."""
    import numpy as np
    from PIL import Image

    import kresnet
    from tests.weights import small_hub_model
    from tests.weights.hub_server import serving_hub

    folder = tmp_path_factory.mktemp("transferred")
    random = np.random.default_rng(0)
    for split in ("train", "test"):
        for name in "abc":
            place = folder / "images" / split / name
            place.mkdir(parents=True)
            for index in range(2):
                Image.fromarray(random.integers(0, 256, (37, 41, 3), np.uint8)).save(place / f"{index}.png")
    recipe = {
        "name": "few", "data": {"kind": "folder", "path": str(folder / "images")}, "init": small_hub_model.NAME,
        "epochs": 1, "batch_size": 6, "optimizer": {"kind": "sgd", "learning_rate": 0.01},
    }  # fmt: skip
    with serving_hub() as server, pytest.MonkeyPatch.context() as patch:
        patch.setenv("HF_ENDPOINT", server.address)
        patch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(folder / "huggingface"))
        patch.setenv("KRESNET_CACHE_DIR", str(folder / "cache"))
        shutil.copytree(converted, folder / "cache" / "weights" / converted.name)
        server.add(small_hub_model.NAME, small_hub_model.files())
        kresnet.fit(None, recipe, output=folder / "run", overrides={"head.classes": 3}, progress=False)
    return folder / "run"


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
