"""A recipe as a whole: what it is where it says no more, and what it refuses, in plain words."""

from __future__ import annotations

from typing import Any

import pytest

from kresnet.errors import KresnetError
from kresnet.spec.document import parse_document
from kresnet.spec.recipe import Recipe
from kresnet.spec.validation import validate
from tests.spec.refusals import refused

SHORT: dict[str, Any] = {
    "name": "short",
    "data": {"kind": "embedded"},
    "epochs": 1,
    "batch_size": 64,
    "optimizer": {"kind": "sgd"},
}


def test_a_recipe_that_says_no_more_trains_plainly():
    document = Recipe.model_validate(SHORT).document()
    assert document["precision"] == "float32"
    assert document["distribution"] == document["xla"] == "auto"
    assert document["schedule"]["kind"] == "constant"
    assert document["non_finite"] == {"kind": "stop"}
    assert (document["accumulate_steps"], document["rematerialize"], document["seed"]) == (1, [], 0)
    absent = ("gradient_clip_norm", "gradient_clip_adaptive", "loss", "ema", "early_stopping", "bn_check_every_steps")
    assert [document[field] for field in absent] == [None] * len(absent)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"batch_size": 0}, ("out_of_range", "batch_size")),
        ({"accumulate_steps": 0}, ("out_of_range", "accumulate_steps")),
        ({"rematerialize": [0]}, ("out_of_range", "rematerialize.0")),
        ({"seed": 2**31}, ("out_of_range", "seed")),
        ({"label_smoothing": 1.0}, ("out_of_range", "label_smoothing")),
        ({"precision": "float64"}, ("wrong_value", "precision")),
        ({"gradient_clip_norm": 1.0, "gradient_clip_adaptive": 0.01}, ("contradiction", "gradient_clip_adaptive")),
    ],
)
def test_what_is_refused(changes, expected):
    assert refused(Recipe, SHORT | changes) == expected


@pytest.mark.parametrize(
    ("text", "code", "path", "words"),
    [
        ("epochs: 3\nsteps: 5", "contradiction", "steps", "`epochs` and `steps` state one duration in 2 units"),
        ("", "contradiction", "epochs", "state `epochs`, `steps` or `examples`"),
        (
            "epochs: 3\nschedule: {kind: cosine, warmup_epochs: 1, warmup_steps: 5}",
            "contradiction",
            "schedule.warmup_steps",
            "warmup_epochs: null",
        ),
        ("epochs: 3\nschedule: {kind: step}", "contradiction", "schedule.every_epochs", "every_steps"),
        ("epochs: 3\nschedule: {kind: multi_step, at_epochs: [2, 1]}", "contradiction", "schedule.at_epochs", "rise"),
        (
            "epochs: 3\nschedule: {kind: constant, warmup_epochs: 1, warmup_shape: constant}",
            "contradiction",
            "schedule.warmup_from",
            "learning rate 0",
        ),
        ("epochs: 3\nschedule: {kind: step, at_epochs: [1]}", "unknown_field", "schedule.at_epochs", "multi_step"),
        ("epochs: 3\nschedule: {kind: onecycle}", "wrong_value", "schedule", "one_cycle"),
        ("epochs: 3\noptimizer: {kind: adam}", "wrong_value", "optimizer", "adamw"),
        ("epochs: 3\noptimizer: {kind: lamb, momentum: 0.9}", "unknown_field", "optimizer.momentum", "sgd"),
        ("epochs: -1", "out_of_range", "epochs", "greater than or equal to 1"),
    ],
)
def test_a_wrong_recipe_is_answered_in_plain_words(text, code, path, words):
    base = "name: wrong\ndata: {kind: embedded}\nbatch_size: 64\n"
    optimizer = "" if "optimizer" in text else "optimizer: {kind: sgd}\n"
    with pytest.raises(KresnetError) as caught:
        validate(Recipe, parse_document(base + optimizer + text, "wrong.yaml"))
    (problem,) = caught.value.problems
    assert (problem.code, problem.path) == (code, path)
    assert problem.place
    assert words in str(problem)
