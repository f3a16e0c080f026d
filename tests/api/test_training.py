"""Networks trained in this one process, with settings right and wrong."""

from __future__ import annotations

import random
import threading

import keras
import numpy as np
import pytest
from tensorflow.python.framework.config import is_op_determinism_enabled

import kresnet
from tests.api.networks import SPEC, recipe
from tests.api.same_run import assert_same_run


def test_a_second_run_in_the_process_is_the_first_again_and_leaves_random_numbers_alone(whole, home, capsys):
    random.seed(1)
    np.random.seed(1)
    expected = [random.random(), np.random.random()]
    random.seed(1)
    np.random.seed(1)
    keras.config.set_floatx("float32")
    again = kresnet.fit(kresnet.load(SPEC), recipe(home), output=home / "again", progress=False)
    assert capsys.readouterr() == ("", "")
    assert [random.random(), np.random.random()] == expected
    assert not is_op_determinism_enabled()
    assert keras.config.dtype_policy().name == "float32"
    assert_same_run(again, whole)


def test_a_run_in_another_thread_trains_without_signals(whole, home):
    found: list[kresnet.Run] = []
    fit = lambda: found.append(kresnet.fit(SPEC, recipe(home), output=home / "thread", progress=False))  # noqa: E731
    thread = threading.Thread(target=fit)
    thread.start()
    thread.join()
    assert_same_run(found[0], whole)


def test_a_run_tells_on_standard_error_alone_and_keeps_its_best_network(whole, home, capsys):
    kept = recipe(home, epochs=1, checkpoints={"keep_best": {"metric": "loss"}})
    kept["data"]["validation"] = 0.25
    run = kresnet.fit(SPEC, kept, output=home / "told")
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("epoch 1/1") == 1
    assert "parameters, float32" in err
    for best, last in zip(run.model(best=True).get_weights(), run.model().get_weights(), strict=True):
        np.testing.assert_array_equal(best, last)
    with pytest.raises(kresnet.KresnetError, match="keeps no best"):
        whole.model(best=True)


def test_overrides_reach_spec_and_recipe(home):
    settings = {"recipe.epochs": 1, "recipe.batch_size": 32, "stages.0.width": 8, "name": "other"}
    found = kresnet.dry_run(SPEC, recipe(home), overrides=settings)
    assert (found.spec, found.resolved_recipe.total_steps, found.resolved_recipe.batch_size) == ("other", 2, 32)
    assert found.memory.total > found.memory.weights > 0


@pytest.mark.parametrize(
    ("settings", "code"),
    [
        ({"network": "resnet51"}, "unknown_name"),
        ({"recipe": None}, "bad_option"),
        ({"recipe": "quickstrat"}, "unknown_name"),
        ({"overrides": {"recipe.epochs": 0}}, "out_of_range"),
        ({"overrides": {"epochs": 3}}, "unknown_field"),
        ({"overrides": {"head.classes": 2}}, "data_mismatch"),
        ({"overrides": {"recipe.schedule": {"kind": "cosine", "warmup_epochs": 9.0}}}, "contradiction"),
        ({"freeze": ["stem"]}, "bad_option"),
        ({"init": "no such.keras"}, "file_missing"),
        ({"output": "whole"}, "output_exists"),
    ],
)
def test_bad_input_is_told_before_anything_is_written(whole, home, settings, code, monkeypatch):
    monkeypatch.chdir(home)
    arguments = {"network": SPEC, "recipe": recipe(home), "output": "never", "progress": False} | settings
    with pytest.raises(kresnet.KresnetError) as caught:
        kresnet.fit(**arguments)
    assert code in {problem.code for problem in caught.value.problems}
    assert not list(home.glob("*never*"))
