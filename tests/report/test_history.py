import json
import math

import numpy as np

from kresnet.report.history import evenly_spaced, read_history
from tests.report.recorded_runs import line, made, measurement


def test_epochs_gradients_and_norm_checks_are_told_apart(tmp_path):
    found = read_history(made(tmp_path / "run"))
    assert [epoch.epoch for epoch in found.epochs] == [1, 2, 3, 4]
    assert found.epochs[1].test["loss"] == 0.55
    assert found.gradients.steps == (1, 11, 21, 31)
    assert found.gradients.blocks[0] == "stage1.block1"
    np.testing.assert_allclose(found.gradients.delta[:, 0], [1, 0.1, 0.01, 0.001, 0.0001])
    assert [check.step for check in found.norm_checks] == [1, 11, 21, 31]
    name, field, share = found.norm_checks[0].worst
    assert (field, name.endswith("norm") or "norm" in name) == ("x", True)
    assert math.isclose(share, 0.05)


def test_what_fit_did_not_write_is_left_out(tmp_path):
    run = made(tmp_path / "run", epochs=1)
    junk = ['{"epoch": 2, "st', "[]", "7", '{"step": "many"}', '{"step": 3, "gradients": {"blocks": {}}}',
            '{"step": 4, "train": 1, "test": {}, "epoch": 2}', '{"step": 5, "batch_norm": []}']  # fmt: skip
    with run.history.path.open("a") as file:
        file.write("\n".join(junk) + "\n")
    found = read_history(run)
    assert len(found.epochs) == 1
    assert len(found.gradients.steps) == 1
    assert len(found.norm_checks) == 1


def test_a_run_that_has_written_nothing_has_an_empty_history(tmp_path):
    found = read_history(made(tmp_path / "run", epochs=0))
    assert (found.epochs, found.gradients, found.norm_checks) == ((), None, ())


def test_numbers_that_are_none_become_null(tmp_path):
    run = made(tmp_path / "run", epochs=0)
    broken = line(1, 0.5) | {"test": {"loss": math.nan, "accuracy": 0.1}}
    run.history.append(broken)
    lost = measurement(run.resolved.plan, 11)
    lost["gradients"]["blocks"]["stage1.block1"]["delta"] = None
    lost["batch_norm"]["stem.norm"]["gamma"] = math.nan
    run.history.append(lost)
    found = read_history(run)
    assert found.epochs[0].test["loss"] is None
    assert math.isnan(found.gradients.delta[0, 0])
    assert found.norm_checks[0].worst == ("stem.norm", "gamma", math.inf)
    json.dumps(found.gradients.as_dict(), allow_nan=False)


def test_many_measurements_are_thinned_to_evenly_spaced_ones():
    places = evenly_spaced(1000, 200)
    assert (len(places), places[0], places[-1]) == (200, 0, 999)
    assert set(np.diff(places)) <= {5, 6}
    np.testing.assert_array_equal(evenly_spaced(3, 200), [0, 1, 2])
