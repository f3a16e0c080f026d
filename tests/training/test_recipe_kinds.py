"""Kinds of losses, optimizers, schedules, augmentations and data from outside train, and resume exactly."""

from __future__ import annotations

import json

import numpy as np
import pytest
import tensorflow as tf
from sklearn.metrics import matthews_corrcoef

import kresnet
from kresnet.errors import KresnetError
from kresnet.extensions import Loss, register_loss, register_optimizer
from kresnet.runs.resolved_run import resolve_run
from kresnet.runs.run_directory import RunDirectory
from kresnet.spec.architecture import Spec
from kresnet.spec.recipe import Recipe
from kresnet.spec.schema import json_schema
from kresnet.training import fit
from kresnet.training.loop.progress import RunOutput
from kresnet.training.loop.schedule import learning_rate
from kresnet.training.step.losses import make_loss
from tests import outside_recipe
from tests.outside_recipe import RECIPE, SPEC
from tests.training.interrupted_runs import assert_same_run, train_interrupted, train_uninterrupted


@pytest.fixture(autouse=True)
def outside():
    outside_recipe.register()
    yield
    outside_recipe.forget()


def resolved(**changes):
    return resolve_run(Spec.model_validate(SPEC), Recipe.model_validate(RECIPE | changes))


def test_a_run_of_kinds_from_outside_learns_and_resumes_to_the_same_bits(tmp_path):
    whole, many = RunDirectory(tmp_path / "whole"), RunDirectory(tmp_path / "many")
    spec, recipe = Spec.model_validate(SPEC), Recipe.model_validate(RECIPE)
    train_uninterrupted(whole, spec, recipe)
    train_interrupted(many, spec, recipe, 6)
    assert_same_run(whole, many)
    assert whole.data()["class_names"] == ["along", "across"]
    assert_judged_by_its_metrics(whole)
    given = json.loads((whole.path / "environment.json").read_text())["extensions"]
    assert {(each["of"], each["kind"]) for each in given} == {
        ("loss", "poly1"), ("optimizer", "lion"), ("schedule", "inverse_root"), ("augmentation", "darken"),
        ("data source", "stripes"), ("metric", "brier"), ("metric", "extreme_logit"),
    }  # fmt: skip
    assert {each["module"] for each in given} == {"tests.outside_recipe"}
    outside_recipe.forget()
    with pytest.raises(KresnetError, match=r"which the module tests[.]outside_recipe registered"):
        fit.resume(RunDirectory(whole.path), None, RunOutput())


def assert_judged_by_its_metrics(run: RunDirectory) -> None:
    """The history has them, the lowest is the best, and all measure what NumPy does of the network's outputs."""
    history = [json.loads(line)["validation"] for line in run.history.path.read_text().splitlines()]
    names = ("brier", "smallest_logit", "matthews_correlation")
    assert all(set(names) <= line.keys() for line in history)
    best = kresnet.open_run(run.path).result["best"]
    assert (best["metric"], best["value"]) == ("brier", min(line["brier"] for line in history))
    found = kresnet.evaluate(run.path)
    data = outside_recipe.read_stripes(outside_recipe.Stripes(kind="stripes", images=32))
    images, labels = data["test_inputs"], data["test_targets"]
    logits = np.asarray(kresnet.open_run(run.path).model()(images.astype(np.float32)), np.float64)
    wrong = np.exp(logits) / np.exp(logits).sum(1, keepdims=True) - np.eye(2)[labels]
    expected = (np.square(wrong).sum(1).mean(), np.sqrt(np.square(logits.min(1)).mean()))
    for measured in (found, kresnet.open_run(run.path).result["test"]):
        assert (measured["brier"], measured["smallest_logit"]) == pytest.approx(expected, rel=1e-4)
        assert measured["matthews_correlation"] == pytest.approx(matthews_corrcoef(labels, logits.argmax(1)))


def test_each_kind_is_the_function_that_was_registered():
    run = resolved().with_training_images(24)
    rate = learning_rate(run.steps.learning_rate)
    steps = np.arange(6)
    expected = 0.01 * np.where(steps < 2, (steps + 1) / 2, 1 / np.sqrt(np.maximum(steps / 4, 1)))
    np.testing.assert_allclose(rate(steps), expected, rtol=1e-6)
    loss = make_loss(run.steps.objective)
    logits = np.array([[2.0, -1.0], [0.5, 0.0]], np.float32)
    right = np.exp(logits[[0, 1], [0, 1]]) / np.exp(logits).sum(1)
    found = loss.example_losses(tf.constant(logits), tf.constant([0, 1]), training=False)
    np.testing.assert_allclose(found, -np.log(right) + 2 * (1 - right), rtol=1e-5)
    assert loss.example_metrics(tf.constant(logits), tf.constant([0, 1]))["accuracy"].numpy().tolist() == [1.0, 0.0]


def test_their_errors_have_places_and_they_stand_in_the_schema():
    with pytest.raises(KresnetError) as caught:
        kresnet.recipe("quickstart", {"loss": {"kind": "poly1", "epsilom": 1.0}, "optimizer.kind": "lionn"})
    told = {problem.path: problem for problem in caught.value.problems}
    assert (told["loss.epsilom"].code, told["loss.epsilom"].nearest) == ("unknown_field", "epsilon")
    assert told["optimizer"].nearest == "lion"
    definitions = json_schema("recipe")["$defs"]
    assert definitions["PolyLoss"]["properties"]["epsilon"]["description"] == "Weight of the term."
    assert definitions["Darken"]["properties"]["kind"]["const"] == "darken"


def test_what_cannot_be_such_a_kind_is_refused():
    with pytest.raises(KresnetError, match="extension_broken"):
        register_loss(Loss, outside_recipe.poly1)
    with pytest.raises(KresnetError, match="An optimizer must have the field `learning_rate`"):
        register_optimizer(outside_recipe.PolyLoss, outside_recipe.lion)
