"""Metrics by name or with settings: how they are read and written, and which of them measure what."""

from __future__ import annotations

import pytest
from jsonschema import Draft202012Validator

import kresnet
from kresnet.errors import KresnetError
from kresnet.spec.recipe import EarlyStopping
from kresnet.spec.recipe.metrics import (
    EXAMPLE_METRICS,
    AccuracyMetric,
    Metric,
    TopKAccuracyMetric,
    lower_is_better,
    metric_named,
)
from kresnet.spec.schema import json_schema


def metrics_of(value: list) -> tuple[Metric, ...]:
    return kresnet.recipe("quickstart", {"metrics": value}).metrics


def test_a_name_alone_is_the_kind_with_its_defaults_and_is_written_so():
    named, stated = metrics_of(["macro_f1", {"kind": "top_k_accuracy", "k": 4}])
    assert (named, stated.name) == (metric_named("macro_f1"), "top_4_accuracy")
    document = kresnet.recipe("quickstart", {"metrics": ["top_k_accuracy", "macro_f1"]}).document()
    assert document["metrics"] == [{"kind": "top_k_accuracy", "k": 3}, "macro_f1"]
    assert EarlyStopping(patience_epochs=1.0, metric=AccuracyMetric(kind="accuracy")).document()["metric"] == "accuracy"


def test_two_of_one_name_and_unknown_names_are_refused():
    with pytest.raises(KresnetError, match="`metrics` names top_3_accuracy twice"):
        metrics_of(["top_k_accuracy", {"kind": "top_k_accuracy", "k": 3}])
    with pytest.raises(KresnetError, match=r"There is no kind `macro_f2` of metric\.") as caught:
        metrics_of(["macro_f2"])
    assert caught.value.problems[0].nearest == "macro_f1"


@pytest.mark.parametrize(("value", "right"), [("r2", True), ({"kind": "top_k_accuracy", "k": 2}, True), ("r3", False)])
def test_the_schema_takes_both(value, right):
    document = kresnet.recipe("quickstart").document() | {"metrics": [value]}
    assert Draft202012Validator(json_schema("recipe")).is_valid(document) == right


def test_what_is_measured_unasked_is_a_kind():
    assert all(metric_named(name).name == name for name in EXAMPLE_METRICS)


def test_which_is_better_and_what_suits():
    lower = {kind for kind, _ in Metric.kinds.items() if lower_is_better(kind)}
    assert lower == {"loss", "absolute_error", "negative_log_likelihood", "root_mean_squared_error"}
    three = TopKAccuracyMetric(kind="top_k_accuracy", k=3)
    assert [three.suits("classes", count) for count in (3, 4)] == [False, True]
    assert not three.suits("labels", 10)
    assert not three.suits("values", None)
