"""The range test from Python: of a new run, of one that starts from weights, and of one that was trained."""

from __future__ import annotations

import hashlib
import json
import random
from pathlib import Path

import numpy as np
import pytest

import kresnet
from tests.api.networks import SPEC, recipe


def digests(folder: Path) -> dict[str, str]:
    return {
        str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.rglob("*") if path.is_file()
    }  # fmt: skip


def test_a_trained_run_is_tested_where_it_stands_and_keeps_every_bit(whole, tmp_path, capsys):
    before = digests(whole.path)
    random.seed(1)
    expected = random.random()
    random.seed(1)
    found = kresnet.find_learning_rate(whole, lowest=1e-6, highest=1e-3, steps=10)
    assert random.random() == expected
    assert digests(whole.path) == before
    assert found.test.start_step == 12
    assert found.rates[0] == pytest.approx(1e-6)
    assert found.losses[0] < 0.9 * np.log(3)  # the run's weights, not new ones
    assert found.suggestion is None or found.setting
    assert capsys.readouterr().out == ""


def test_a_report_is_written_where_it_is_wanted(home, whole, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    found = kresnet.find_learning_rate(SPEC, recipe(home), init=whole.path, freeze=["stem"], steps=20, progress=False)
    assert not list(tmp_path.iterdir())
    assert found.losses[0] < 0.9 * np.log(3)
    found.save("report")
    assert {path.name for path in (tmp_path / "report").iterdir()} == {
        f"learning_rate.{kind}" for kind in ("json", "png", "svg")
    }
    assert json.loads((tmp_path / "report" / "learning_rate.json").read_text()) == found.as_dict()
    with pytest.raises(kresnet.KresnetError, match="already exists"):
        found.save("report")


@pytest.mark.parametrize("settings", [{"steps": 5}, {"lowest": 0.0}, {"lowest": 1.0, "highest": 0.1}])
def test_a_sweep_that_is_none_is_refused(home, settings):
    with pytest.raises(kresnet.KresnetError, match="10 steps or more") as caught:
        kresnet.find_learning_rate(SPEC, recipe(home), **settings)
    assert caught.value.problems[0].code == "bad_option"


def test_a_run_is_tested_as_it_is(whole):
    with pytest.raises(kresnet.KresnetError, match="tested as it is"):
        kresnet.find_learning_rate(whole, overrides={"recipe.batch_size": 8})


def test_several_workers_are_refused_by_name(home, monkeypatch):
    workers = {"cluster": {"worker": ["a:1", "b:1"]}, "task": {"type": "worker", "index": 0}}
    monkeypatch.setenv("TF_CONFIG", json.dumps(workers))
    with pytest.raises(kresnet.KresnetError, match="--find-lr trains in one process") as caught:
        kresnet.find_learning_rate(SPEC, recipe(home))
    assert caught.value.problems[0].remedy == "--set recipe.distribution=one_device"
