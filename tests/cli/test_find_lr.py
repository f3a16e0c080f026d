"""`kresnet fit --find-lr` suggests a learning rate, and leaves nothing behind but what it is asked for."""

from __future__ import annotations

import json

import pytest

import kresnet as library
from kresnet.cli.find_lr import loss_chart, print_range_test
from tests.api.networks import SPEC, recipe
from tests.command import kresnet
from tests.training.range_tests import made_up_test


def test_it_leaves_the_report_and_nothing_else(tmp_path):
    (tmp_path / "recipe.yaml").write_text(library.recipe(recipe(tmp_path)).yaml())
    (tmp_path / "tiny.yaml").write_text(library.load(SPEC | {"recipe": "recipe.yaml"}).spec.yaml())
    before = {path.name for path in tmp_path.iterdir()}
    done = kresnet("fit", "tiny.yaml", "--find-lr", "--json", "-o", "found", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert {path.name for path in tmp_path.iterdir()} - before == {"found"}
    assert json.loads((tmp_path / "found" / "learning_rate.json").read_text()) == found
    assert 1e-4 < found["suggestion"] < 10
    assert f"fell fastest at {found['suggestion']:.2g}" in found["reason"]
    changed = library.recipe(tmp_path / "recipe.yaml", [found["setting"].removeprefix("recipe.")])
    assert changed.optimizer.learning_rate == pytest.approx(found["suggestion"])


def test_what_is_told(capsys):
    print_range_test(made_up_test())
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["run", "tiny", "by", "short,", "sgd,", "float32,", "1", "device"]
    assert "7 of 7 steps of 16 images, 1.75 epochs; rates from 1e-05 to 10" in lines[1]
    assert lines[-2:] == ["The smoothed loss fell fastest at 0.01.", "--set recipe.optimizer.learning_rate=0.01"]


def test_the_suggestion_is_marked_below_its_rate():
    *_, marked, axis = loss_chart(made_up_test(), width=24)
    assert marked == " " * (11 + 12) + "^ 0.01"  # in the middle between 1e-5 and 10
    assert axis.split() == ["rate", "1e-05", "1"]  # the last one was not finite
    assert "^" not in "".join(loss_chart(made_up_test(suggestion=None), width=24))


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (["quickstart", "--dry-run"], "--dry-run"),
        (["--resume", "run"], "--resume"),
        (["quickstart", "--epochs", "3"], "--epochs"),
        (["--resume", "run", "--allow-changed"], "--resume and --allow-changed"),
    ],
)
def test_it_goes_without_what_it_would_not_use(options, named):
    done = kresnet("fit", "--find-lr", *options)
    assert done.returncode == 2
    assert f"goes without {named}" in done.stderr
    assert "kresnet fit SPEC --find-lr" in done.stderr
