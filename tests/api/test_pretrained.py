"""Weights by name from Python: listed, shown, pulled, predicted with, trained from."""

from __future__ import annotations

import hashlib
import json

import numpy as np
import pytest

import kresnet
from kresnet.api.pretrained import pull_in_process
from kresnet.api.stored_networks import open_trained
from kresnet.errors import KresnetError
from tests.weights import small_hub_model as small


def test_weights_are_listed_by_what_a_user_chooses_by():
    few = kresnet.list_weights("timm/resnet18*", max_parameters="12M", licence="commercial", classes=1000)
    assert "timm/resnet18.a1_in1k" in few.column("name")
    assert set(few.column("licence")) <= {"apache-2.0", "bsd-3-clause"}
    everything = kresnet.list_weights()
    assert len(everything) > 150
    assert len(kresnet.list_weights(licence="cc-by-nc-4.0")) == everything.column("licence").count("cc-by-nc-4.0") > 0
    assert kresnet.list_weights("keras/*").column("name")[0] == "keras/ResNet50"
    with pytest.raises(KresnetError, match="no number of parameters"):
        kresnet.list_weights(max_parameters="many")


def test_weights_are_shown_without_being_fetched(kept, hub):
    shown = kresnet.show_weights(small.NAME)
    assert shown["architecture"] == "resnet50d"
    assert shown["parameters"] == sum(
        int(np.prod([int(side) for side in text.split()])) for name, text in _parameters()
    )
    assert shown["resize"]["shorter_side"] == 38
    assert not hub.asked("GET", "/cdn/")


def _parameters():
    names, shapes = (small.REFERENCE[key] for key in ("tensors", "shapes"))
    return [(name, text) for name, text in zip(names, shapes, strict=True) if "running" not in str(name)]


def test_predictions_by_name_are_timms_with_the_names_of_the_classes(kept):
    answers = kresnet.predict(small.NAME, small.photographs())
    odds = np.exp(small.REFERENCE["logits"])
    for answer, theirs in zip(answers, odds / odds.sum(1, keepdims=True), strict=True):
        assert list(answer["probabilities"]) == [f"class {index}" for index in range(5)]
        np.testing.assert_allclose(list(answer["probabilities"].values()), theirs, atol=2e-3)
    origin = open_trained(small.NAME, None, None)
    assert origin.provenance["weights"]["commit"] == kept.refs["main"]
    assert origin.provenance["class_names"] == "the weights' origin"


def test_a_recipe_that_begins_with_weights_is_the_whole_of_transfer_learning(transferred):
    run = kresnet.open_run(transferred)
    transfer = json.loads((transferred / "transfer.json").read_text())
    assert transfer["new"] == ["head.logits/kernel", "head.logits/bias"]
    origin = transfer["origin"]
    assert origin["name"] == small.NAME
    assert len(origin["commit"]) == 40
    assert origin["sha256"] == hashlib.sha256(small.weights()).hexdigest()
    assert run.network.spec.input.shape == (35, 35, 3)
    assert run.network.spec.input.resize.rounding == "half_even"
    assert run.recipe.init == small.NAME


def test_what_names_no_weights_is_told_with_the_nearest(kept):
    for call, code, words in (
        (lambda: kresnet.pull_weights("resnet50.a1_in1k"), "weights_unknown", "timm/resnet50.a1_in1k"),
        (lambda: kresnet.show_weights("model.keras"), "weights_unknown", "kresnet weights list"),
        (lambda: kresnet.fit(None, "quickstart"), "bad_option", "--init timm/resnet50.a1_in1k"),
        (lambda: open_trained(small.NAME, None, None, best=True), "bad_option", "--best"),
    ):
        with pytest.raises(KresnetError) as raised:
            call()
        assert raised.value.problems[0].code == code
        assert words in str(raised.value)


def test_problems_of_another_process_arrive_as_they_were(kept):
    pull_in_process("runs/a")
    with pytest.raises(KresnetError) as raised:
        pull_in_process("timm/resnet50d.a1_in1")
    (problem,) = raised.value.problems
    assert problem.code == "weights_unknown"
    assert problem.nearest == "timm/resnet50d.a1_in1k"
