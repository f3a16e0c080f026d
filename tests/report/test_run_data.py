"""What is gathered of a run, finished or not."""

import json

import pytest

from kresnet.errors import KresnetError, make_error
from kresnet.evaluation.evaluation import NotEvaluated
from kresnet.report.run_data import gather_run_data
from tests.report.recorded_runs import made


def recorded(tmp_path, **settings):
    made(tmp_path / "run", **settings)
    return gather_run_data(tmp_path / "run", "run", None)


def test_what_prevents_the_evaluation_is_recorded(tmp_path):
    run = made(tmp_path / "run")
    run.model.touch()

    def prevented(_):
        raise make_error("data_missing", "There is no folder cats.", remedy="mount it")

    found = gather_run_data(run.path, "run", prevented).evaluation
    assert found == NotEvaluated("There is no folder cats. [data_missing]", "mount it")
    unfinished = gather_run_data(made(tmp_path / "other", epochs=1).path, "other", prevented).evaluation
    assert unfinished.remedy == f"kresnet fit --resume {tmp_path / 'other'}"


def test_data_that_were_moved_can_be_given_to_evaluate_since_a_report_has_no_such_option(tmp_path):
    run = made(tmp_path / "run")
    run.model.touch()

    def moved(_):
        raise make_error("data_missing", "There is no cats.", remedy="make cats, or --set recipe.data.path=FOLDER")

    found = gather_run_data(run.path, "run", moved).evaluation
    assert found.remedy == f"make cats, or kresnet evaluate {run.path} --set recipe.data.path=FOLDER"


def test_the_gathered_data_are_json(tmp_path):
    values = json.loads(json.dumps(recorded(tmp_path).as_dict(), allow_nan=False))
    assert [epoch["epoch"] for epoch in values["epochs"]] == [1, 2, 3, 4]
    assert len(values["gradients"]["delta"]) == 5
    assert len(values["batch_norm"]) == 4
    assert values["state"] == "finished"


def test_a_folder_without_a_run_is_refused(tmp_path):
    with pytest.raises(KresnetError) as error:
        gather_run_data(tmp_path, "run", None)
    assert error.value.problems[0].code == "run_missing"


def test_the_test_images_are_not_looked_at_before_the_end_of_a_run_that_is_validated(tmp_path):
    run = made(tmp_path / "run", recipe={"data": {"kind": "embedded", "validation": 0.1}}, epochs=2)
    run.best_model.write_bytes(b"")
    found = gather_run_data(run.path, "run", lambda run: pytest.fail("it is evaluated"))
    assert found.evaluation.reason == "Nothing looks at the test images before the run has come to its end."
    assert (found.test, found.validation["accuracy"]) == ({}, pytest.approx(0.8))
