"""What a search is, checked before anything starts."""

from __future__ import annotations

from typing import ClassVar, Literal

import pytest

from kresnet.errors import KresnetError
from kresnet.spec import library
from kresnet.spec.loading import load_search
from kresnet.spec.recipe.metrics import Metric
from kresnet.study.search.search_plan import plan_search
from tests.study.search.fake_fits import DOCUMENT, search_plan

VALUES = {"stem.width": 4, "stages.0.width": 8, "stages.1.width": 8, "stages.2.width": 12,
          "recipe.optimizer.learning_rate": 0.5}  # fmt: skip


@pytest.fixture
def metric_from_outside():
    """A metric that does not ship with kresnet, less of which is better."""

    class ShareOfZeros(Metric):
        """Share of the outputs that are zero."""

        lower_is_better: ClassVar[bool] = True
        kind: Literal["share_of_zeros"]

    Metric.register(ShareOfZeros)
    yield
    Metric.kinds.forget("share_of_zeros")


@pytest.mark.parametrize("name", library.shipped_names("searches"))
def test_shipped_searches_can_be_run(name):
    plan = plan_search(load_search(name))
    tally = plan.sample(64)
    assert sum(tally.rejected.values()) < tally.drawn
    assert plan.as_dict()["trials"] == plan.search.trials


@pytest.mark.parametrize(
    ("epochs", "halving", "rungs"),
    [(9, {"first_epochs": 1, "factor": 3}, (1, 3, None)), (10, {"first_epochs": 1, "factor": 3}, (1, 3, None)),
     (8, {"first_epochs": 2, "factor": 2}, (2, 4, None)), (5, None, (None,))],
)  # fmt: skip
def test_rungs(epochs, halving, rungs):
    plan = search_plan(set={"recipe.data.validation": 0.2, "recipe.epochs": epochs}, halving=halving)
    assert plan.rungs == rungs


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"set": {"recipe.epochs": 3}}, "recipe.data.validation"),
        ({"set": {"recipe.data.validation": 0.2, "recipe.epochs": 2}}, "halving"),
        ({"space": {"recipe.epochs": {"int": [3, 9]}}}, "halving"),
        ({"objectives": ["r2"]}, "objectives"),
    ],
)
def test_what_cannot_be_searched_is_told(change, path):
    with pytest.raises(KresnetError) as caught:
        search_plan(**change)
    assert [(problem.code, problem.path) for problem in caught.value.problems] == [("contradiction", path)]


@pytest.mark.parametrize(
    ("objective", "name", "larger", "asked"),
    [
        ("macro_f1", "macro_f1", True, []),
        ("auroc_macro", "auroc_macro", True, ["auroc_macro"]),
        ("negative_log_likelihood", "negative_log_likelihood", False, ["negative_log_likelihood"]),
        ({"kind": "top_k_accuracy", "k": 2}, "top_2_accuracy", True, [{"kind": "top_k_accuracy", "k": 2}]),
        ("share_of_zeros", "share_of_zeros", False, ["share_of_zeros"]),
    ],
)
def test_runs_measure_what_the_search_goes_by(objective, name, larger, asked, metric_from_outside):
    plan = search_plan(objectives=[objective, "macs"], halving=None)
    assert plan.metric == name
    assert plan.search.maximized == (larger, False)
    assert plan.as_dict()["objectives"] == [name, "macs"]
    assert plan.trial(0, VALUES).run.recipe.document()["metrics"] == asked


def test_metrics_that_are_measured_anyway_stay(metric_from_outside):
    stated = {"recipe.data.validation": 0.2, "recipe.epochs": 9, "recipe.metrics": ["matthews_correlation"]}
    plan = search_plan(objectives=["auroc_macro"], set=stated)
    assert plan.trial(0, VALUES).run.recipe.document()["metrics"] == ["matthews_correlation", "auroc_macro"]
    plan = search_plan(objectives=["matthews_correlation"], set=stated)
    assert plan.trial(0, VALUES).run.recipe.document()["metrics"] == ["matthews_correlation"]


def test_a_trial_is_an_ordinary_run_with_the_settings_of_its_candidate(tmp_path):
    plan = search_plan()
    trial = plan.trial(7, VALUES)
    assert trial.run.spec.stem.width == 4
    assert trial.run.recipe.optimizer.learning_rate == 0.5
    assert trial.arguments(tmp_path / "x")[-2:] == ["-o", str(tmp_path / "x")]
    assert str(trial.folder) == "trials/0007"
    assert trial.pause_arguments() == []


def test_overrides_and_a_seed_come_last():
    loaded = load_search(DOCUMENT)
    plan = plan_search(loaded, ["recipe.epochs=6", "activation=silu"], seed=3)
    assert (plan.recipe.value.epochs, plan.spec.value.activation, plan.search.seed) == (6, "silu", 3)
    with pytest.raises(KresnetError):
        plan_search(loaded, seed=-1)
