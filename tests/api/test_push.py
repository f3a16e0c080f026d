"""A run, given to others and taken back by name."""

from __future__ import annotations

import pytest

import kresnet
from kresnet.errors import KresnetError
from tests.weights import small_hub_model as small


def test_what_is_pushed_is_what_a_stranger_predicts_with(hub, transferred, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_DISABLE_XET", True)
    monkeypatch.setenv("HF_TOKEN", "hf_write")
    hub.write_token = "hf_write"
    pushed = kresnet.push(transferred, "hf:me/mine", progress=False)
    assert str(pushed.place).startswith(f"{hub.address}/me/mine/commit/")
    photos = small.photographs()[:2]
    theirs = kresnet.predict("hf:me/mine", photos)
    assert theirs == kresnet.predict(transferred, photos)
    assert kresnet.show_weights("hf:me/mine")["licence"] == "apache-2.0", "that of the weights it began with"


@pytest.mark.parametrize(
    ("repository", "words"), [("me/mine", "no repository"), ("hf:me/mine@v1", "no repository"), ("hf:me", "no name")]
)
def test_where_to_is_a_repository(transferred, repository, words):
    with pytest.raises(KresnetError, match=words):
        kresnet.push(transferred, repository)


def test_only_runs_are_pushed(transferred, tmp_path):
    (tmp_path / "model.keras").write_bytes((transferred / "model.keras").read_bytes())
    (tmp_path / "model.yaml").write_bytes((transferred / "spec.yaml").read_bytes())
    with pytest.raises(KresnetError, match="is of no run"):
        kresnet.push(tmp_path / "model.keras", "hf:me/mine", licence="mit")
