import statistics

import pytest

from kresnet.errors import KresnetError
from kresnet.report.comparison import MeanAndSpread, final_plot, make_comparison
from kresnet.report.page_sections import groups_table
from kresnet.report.run_data import RunData, gather_run_data, run_labels
from tests.report.recorded_runs import made


@pytest.fixture(scope="module")
def runs(tmp_path_factory) -> list[RunData]:
    """Three seeds of a network and a plain one; then one of other data."""
    home = tmp_path_factory.mktemp("compared")
    plain = {"block": {"kind": "basic", "shortcut": "none"}}
    made(home / "a0", accuracy=0.80)
    made(home / "a1", accuracy=0.82, recipe={"seed": 1, "name": "another"})
    made(home / "plain", accuracy=0.70, spec=plain)
    made(home / "a2", accuracy=0.87, recipe={"seed": 2})
    made(home / "other", accuracy=0.60, spec=plain, fingerprint="def", recipe={"batch_size": 450})
    return [gather_run_data(home / name, name, None) for name in ("a0", "a1", "plain", "a2", "other")]


def test_runs_that_differ_in_their_seed_alone_are_one_group(runs):
    found = make_comparison(runs)
    assert [group.runs for group in found.groups] == [(0, 1, 3), (2,), (4,)]
    assert found.group_numbers == [0, 0, 1, 0, 2]
    values = [runs[n].epochs[-1].test["accuracy"] for n in (0, 1, 3)]
    spread = found.groups[0].metrics["accuracy"]
    assert spread.mean == pytest.approx(statistics.mean(values))
    assert spread.deviation == pytest.approx(statistics.stdev(values))
    assert found.groups[1].metrics["accuracy"].deviation is None
    assert MeanAndSpread(0.5, 0.25, 2).text(".2f") == "0.50 ± 0.25"


def test_what_differs_is_told_for_every_run(runs):
    found = make_comparison(runs)
    assert found.spec == {"block.shortcut": ("identity_pad", "identity_pad", "none", "identity_pad", "none")}
    assert found.recipe["batch_size"] == ("900", "900", "900", "900", "450")
    assert found.recipe["seed"] == ("0", "1", "0", "2", "0")
    assert found.groups[0].difference is None
    assert not found.groups[1].difference.identical
    assert make_comparison(runs[:2]).spec == {}


def test_other_data_are_noticed(runs):
    assert make_comparison(runs[:4]).same_data
    assert not make_comparison(runs).same_data


def test_the_final_figure_has_every_run(runs):
    plot = final_plot(make_comparison(runs))
    shown = [value for trace in plot.figure.data if trace.text for value in trace.x]
    assert sorted(shown) == sorted(run.test["accuracy"] for run in runs)
    assert len(plot.table.rows) == 3


def test_runs_without_an_epoch_have_no_figures(tmp_path):
    for name in ("a", "b"):
        made(tmp_path / name, epochs=0)
    runs = [gather_run_data(tmp_path / name, name, None) for name in ("a", "b")]
    found = make_comparison(runs)
    assert [group.metrics for group in found.groups] == [{}]
    assert final_plot(found) is None


def test_folds_are_one_group_whose_figures_say_of_which_images_they_are(tmp_path):
    for fold, accuracy in ((1, 0.8), (2, 0.84)):
        data = {"kind": "embedded", "fold": {"fold": fold, "folds": 2}}
        made(tmp_path / str(fold), recipe={"data": data}, accuracy=accuracy)
    runs = [gather_run_data(tmp_path / name, name, None) for name in ("1", "2")]
    (group,) = make_comparison(runs).groups
    assert group.validation["accuracy"].mean == pytest.approx(0.84)
    assert group.metrics["accuracy"].mean == pytest.approx(0.74)  # what the runs' results say of the test images
    table = groups_table([group])
    assert [head for head in table.head if "accuracy" in head and "top" not in head] == [
        "test accuracy",
        "validation accuracy",
    ]
    assert "0.8400 ± 0.0283" in table.rows[0]
    described = make_comparison(runs).as_dict()["comparison"]["groups"][0]
    assert described["validation"]["accuracy"]["count"] == 2


def test_labels_are_short_where_they_can_be(tmp_path):
    for name in ("one/run", "two/run", "three"):
        (tmp_path / name).mkdir(parents=True)
    places = [tmp_path / "one/run", tmp_path / "two/run", tmp_path / "three"]
    assert run_labels(places) == [str(places[0]), str(places[1]), "three"]
    with pytest.raises(KresnetError, match="named twice"):
        run_labels([places[0], tmp_path / "one/../one/run"])
