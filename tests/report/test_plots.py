"""Curves over the epochs are the recorded numbers, and styles tell the runs apart."""

import pytest

from kresnet.report.plots import escape_name, metric_plots, number_text, style_runs, throughput_plots
from kresnet.report.run_data import gather_run_data
from tests.report.recorded_runs import line, made


@pytest.fixture
def run(tmp_path):
    return gather_run_data(made(tmp_path / "run").path, "run", None)


def test_curves_are_the_recorded_metrics(run):
    plots = {plot.id: plot for plot in metric_plots(style_runs([run], [0]))}
    traces = {trace.name: trace for trace in plots["curve-accuracy"].figure.data}
    for split in ("train", "test"):
        assert list(traces[split].x) == [1, 2, 3, 4]
        assert list(traces[split].y) == [line(epoch, 0.8)[split]["accuracy"] for epoch in (1, 2, 3, 4)]
    assert plots["curve-accuracy"].summary == "Test: from 0.7900 to 0.8200 in epoch 4; best 0.8200 in epoch 4."
    assert [row[0] for row in plots["learning-rate"].table.rows] == ["1", "2", "3", "4"]


def test_throughput_is_plotted_from_zero(run):
    speed, waiting = throughput_plots(style_runs([run], [0]))
    assert list(speed.figure.data[0].y) == [1001.0, 1002.0, 1003.0, 1004.0]
    assert speed.figure.layout.yaxis.rangemode == waiting.figure.layout.yaxis.rangemode == "tozero"


def test_runs_of_a_group_share_a_color_and_differ_by_their_marker(run):
    styles = style_runs([run] * 4, [0, 0, 1, 1])
    assert styles[0].color == styles[1].color != styles[2].color == styles[3].color
    assert styles[0].symbol != styles[1].symbol
    alone = style_runs([run] * 2, [0, 0])
    assert alone[0].color != alone[1].color


def test_names_are_escaped_and_numbers_may_be_missing():
    assert escape_name("<b>") == "&lt;b&gt;"
    assert len(escape_name("x" * 100)) == 24
    assert [number_text(value, ".2f") for value in (1.234, None, float("nan"))] == ["1.23", "–", "–"]


def test_the_images_to_validate_on_are_a_curve(tmp_path):
    made(tmp_path / "run", recipe={"data": {"kind": "embedded", "validation": 0.1}})
    made(tmp_path / "other")
    runs = [gather_run_data(tmp_path / name, name, None) for name in ("run", "other")]
    alone = next(metric_plots(style_runs(runs[:1], [0])))
    assert [trace.name for trace in alone.figure.data] == ["validation", "train", "best epoch"]
    assert alone.summary.startswith("Validation: from ")
    both = next(metric_plots(style_runs(runs, [0, 1])))
    assert [trace.name for trace in both.figure.data] == [
        "run, validation", "run, train", "other, test", "other, train"]  # fmt: skip
    assert both.summary == "At last: run 0.8200, other 0.8200."
