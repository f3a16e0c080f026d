"""Weights by name, as models: equal to timm's, converted once, kept whole, told by licence."""

from __future__ import annotations

import json
import resource
import shutil
from pathlib import Path

import numpy as np
import pytest

from kresnet.data.images import image_from_array
from kresnet.errors import KresnetError
from kresnet.plan import plan_loaded
from kresnet.spec.loading import load_spec
from kresnet.weights.convert import load_model
from kresnet.weights.pretrained.pull import copy_model, pull_weights, verify_outputs
from kresnet.weights.pretrained.weight_names import parse_weight_name
from tests.weights import small_hub_model as small


def pull(text: str = small.NAME, **options):
    """The model that a name means, and what was told."""
    told: list[str] = []
    return pull_weights(parse_weight_name(text), log=told.append, **options), told


@pytest.fixture
def repository(hub):
    """The small model on the hub."""
    return hub.add(small.NAME, small.files())


@pytest.fixture
def kept(repository, converted, tmp_path):
    """The small model in the cache as well: its folder there."""
    return Path(shutil.copytree(converted, tmp_path / "kresnet" / "weights" / converted.name))


def test_pixels_and_logits_are_timms_after_each_sides_own_preprocessing(kept):
    pulled, _ = pull()
    loaded = load_spec(pulled.spec)
    model = load_model(pulled.model, plan_loaded(loaded))
    logits, theirs = small.REFERENCE["logits"], small.REFERENCE["pixels"]
    pixels = np.stack([image_from_array(photo, loaded.value.input, "a photo") for photo in small.photographs()])
    assert np.abs(pixels.astype(int) - theirs).max() <= 1  # Pillow rounds after each of its two passes
    scale = np.abs(logits).max()
    assert np.abs(np.asarray(model(theirs.astype(np.float32))) - logits).max() / scale < 1e-5
    assert np.abs(np.asarray(model(pixels.astype(np.float32))) - logits).max() / scale < 1e-2


def test_a_model_is_converted_once_and_verified_again_where_that_is_asked(repository, tmp_path):
    first, told = pull()
    assert first.fresh
    assert any("48x48" in line for line in told)
    assert any("licence: apache-2.0" in line for line in told)
    again, told = pull()
    assert told == [again.record.line()]
    assert not again.fresh
    assert again.model == first.model
    assert again.record == first.record
    assert "bit for bit" in verify_outputs(again)
    assert first.record.class_names[0] == "class 0"
    assert first.record.origin["commit"] == repository.refs["main"]
    assert [path.name for path in (tmp_path / "kresnet" / "weights").iterdir()].count(first.model.parent.name) == 1


def test_a_damaged_model_is_made_anew_and_a_full_disk_leaves_no_half_one(kept, tmp_path):
    content = (kept / "model.keras").read_bytes()
    (kept / "model.keras").write_bytes(content[:-1] + b"!")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(content) // 2, before[1]))
    try:
        with pytest.raises(KresnetError) as raised:
            pull()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert raised.value.problems[0].code == "disk_full"
    assert not list((tmp_path / "kresnet").rglob("*.keras"))


def test_without_a_network_what_was_converted_answers(kept, tmp_path, monkeypatch):
    from huggingface_hub import constants

    pulled, _ = pull()
    assert pulled.model.parent == kept
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "another"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    again, told = pull()
    assert again.model == pulled.model
    assert "Taken from what was converted before" in told[0]
    with pytest.raises(KresnetError) as raised:
        pull("hf:me/other")
    assert raised.value.problems[0].code == "weights_unreachable"


def test_a_licence_that_forbids_commercial_use_is_accepted_once(hub):
    hub.add("me/net", small.files(card=b"---\nlicense: cc-by-nc-4.0\n---\n"))
    with pytest.raises(KresnetError) as raised:
        pull("hf:me/net")
    (problem,) = raised.value.problems
    assert problem.code == "weights_licence"
    assert "kresnet weights pull hf:me/net --accept-licence" in problem.remedy
    pulled, _ = pull("hf:me/net", accept_licence=True)
    assert pulled.record.licence == "cc-by-nc-4.0"
    assert pull("hf:me/net")[0].model == pulled.model
    hub.repositories["me/net"].commit({"README.md": b"---\nlicense: cc-by-nc-nd-4.0\n---\n"})
    with pytest.raises(KresnetError, match="cc-by-nc-nd"):
        pull("hf:me/net")


def test_weights_of_another_network_than_the_configuration_says_are_refused(hub, tmp_path):
    config = small.config()
    config["model_args"]["layers"] = [1, 2, 1, 1]
    hub.add("me/net", small.files(config))
    with pytest.raises(KresnetError) as raised:
        pull("hf:me/net")
    assert raised.value.problems[0].code == "weights_mismatch"
    assert not list((tmp_path / "kresnet").rglob("model.keras"))


def test_a_copy_stands_with_its_spec_and_record_and_overwrites_nothing(kept, tmp_path):
    pulled, _ = pull()
    output = tmp_path / "mine" / "start.keras"
    assert all(path.is_file() for path in copy_model(pulled, output))
    assert output.read_bytes() == pulled.model.read_bytes()
    assert json.loads(output.with_suffix(".json").read_text())["name"] == small.NAME
    for wrong, code in ((output, "output_exists"), (tmp_path / "start.h5", "bad_option")):
        with pytest.raises(KresnetError) as raised:
            copy_model(pulled, Path(wrong))
        assert raised.value.problems[0].code == code
