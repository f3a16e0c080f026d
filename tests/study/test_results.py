"""Means and spreads over seeds, and commands as they are published."""

from __future__ import annotations

import json
import statistics

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kresnet.data.description import DataDescription
from kresnet.runs.run_directory import RunDirectory
from kresnet.runs.run_start import create_run
from kresnet.spec.loading import load_study
from kresnet.study.figures import draw_figures
from kresnet.study.result_files import figure_caption, results_table
from kresnet.study.results import MEASURES, gather_results, shareable_command, summarize_runs
from kresnet.study.runner import RunOutcome, run_outcomes
from kresnet.study.study_plan import StudyPlan, plan_study
from tests.strategies import examples

RUNS = st.lists(
    st.fixed_dictionaries({name: st.floats(0.0, 1e6) for name in MEASURES}), min_size=1, max_size=6
)  # fmt: skip


@given(RUNS)
@examples(20)
def test_mean_and_spread_are_numpys(runs):
    found = summarize_runs(runs)
    assert found["finished"] == len(runs)
    for name in MEASURES:
        values = np.array([run[name] for run in runs])
        assert found[name]["values"] == values.tolist()
        assert found[name]["mean"] == pytest.approx(values.mean(), abs=1e-9)
        if len(runs) == 1:
            assert found[name]["spread"] is None
        else:
            assert found[name]["spread"] == pytest.approx(values.std(ddof=1), abs=1e-6)


def test_a_variant_without_a_finished_run_has_no_numbers():
    assert summarize_runs([]) == {"finished": 0}


def test_a_command_is_shown_without_this_machines_folders():
    command = [
        "kresnet",
        "study",
        "depth",
        "--set",
        "recipe.data.data_dir=/home/me/data",
        "-o",
        "/tmp/x y",
        "--jobs",
        "2",
    ]
    assert shareable_command(command) == "kresnet study depth --set recipe.data.data_dir=PATH -o DIR --jobs 2"
    assert shareable_command(["kresnet", "study", "a", "--report", "docs/x"]) == "kresnet study a --report REPORT"


STUDY = {
    "name": "mine",
    "question": "Which?",
    "spec": "quickstart",
    "recipe": "quickstart",
    "set": {"recipe.epochs": 2},
    "variants": [{"name": "plain", "set": {"block.shortcut": "none"}}, {"name": "residual"}],
}


def recorded(folder, study) -> tuple[StudyPlan, list[RunOutcome]]:
    """A study all of whose runs have ended, as `fit` leaves them, made without training."""
    plan = plan_study(load_study(STUDY | study))
    for number, run in enumerate(plan.runs()):
        directory = RunDirectory(folder / run.folder)
        validated = run.recipe.data.fold is not None or run.recipe.data.validation is not None
        data = DataDescription("abc", ("a", "b"), 80, 10, validation_images=20 if validated else None)
        create_run(directory, run.run.with_data(data), {"versions": {}, "training": {}, "kernels": {}})
        split = "validation" if validated else "test"
        measured = {name: {"loss": 1.0, "accuracy": 0.5 + 0.01 * number} for name in ("train", split)}
        for epoch in (1, 2):
            rest = {"learning_rate": 0.1, "images_per_second": 10.0, "seconds": 1.0 * epoch}
            directory.history.append({"epoch": epoch, "step": epoch, **measured, **rest})
        directory.write_result({**measured, "test": {"loss": 2.0, "accuracy": 0.4}, "seconds": 2.0})
    return plan, run_outcomes(plan.runs(), folder)


def test_folds_are_summed_up_as_seeds_are_and_figures_say_of_which_images_they_are(tmp_path):
    plan, outcomes = recorded(tmp_path, {"folds": 3})
    results = gather_results(plan, outcomes, tmp_path, ["kresnet", "study", "mine"])
    assert results["spread"] == "sample standard deviation over the folds (n - 1)"
    assert [(run["variant"], run["seed"], run["fold"]) for run in results["runs"]][::2] == [
        (plan.runs()[0].variant.name, 0, fold) for fold in (1, 2, 3)]  # fmt: skip
    heads, rows = results_table(results)
    assert heads[4:8] == ["train error", "validation error", "best validation error", "test error"]
    for variant, row in zip(results["variants"], rows, strict=True):
        errors = [100 * run["validation_error"] for run in results["runs"] if run["variant"] == variant["name"]]
        assert row[5] == row[6] == f"{statistics.mean(errors):.2f} ± {statistics.stdev(errors):.2f}"
        assert row[7] == "60.00 ± 0.00"
    assert draw_figures(results, tmp_path) == ["curves", "final", "cost"]
    caption = "Training and validation error against epoch; a band is the range over folds."
    assert figure_caption("curves", results) == caption
    assert json.loads(json.dumps(results)) == results


def test_a_variant_may_be_validated_and_another_tested(tmp_path):
    variants = [{"name": "all"}, {"name": "fewer", "set": {"recipe.data.validation": 0.2}}]
    plan, outcomes = recorded(tmp_path, {"variants": variants, "seeds": [0, 1]})
    results = gather_results(plan, outcomes, tmp_path, ["kresnet", "study", "mine"])
    assert (results["selection"], results["repeated"]) == ("validation or test", "seeds")
    heads, rows = results_table(results)
    assert heads[5:9] == ["validation error", "best validation error", "test error", "best test error"]
    assert [(row[5] == "–", row[8] == "–") for row in rows] == [(True, False), (False, True)]
    assert "curves" in draw_figures(results, tmp_path)
