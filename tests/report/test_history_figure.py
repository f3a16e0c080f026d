"""The figure of a run's history shows its metrics against epochs."""

from kresnet.report.history_figure import draw_history
from tests.report.recorded_runs import line


def test_loss_and_metrics_are_drawn_against_epochs():
    lines = [line(epoch, 0.8) for epoch in (1, 2, 3)]
    figure = draw_history(lines, "a run")
    loss, metrics = figure.axes
    curves = {curve.get_label(): curve for axes in (loss, metrics) for curve in axes.lines}
    assert set(curves) == {
        "train loss", "test loss", "train accuracy", "test accuracy", "test top 5 accuracy",
    }  # fmt: skip
    assert list(curves["test accuracy"].get_xdata()) == [1, 2, 3]
    assert list(curves["test accuracy"].get_ydata()) == [each["test"]["accuracy"] for each in lines]
    assert curves["train loss"].get_linestyle() != curves["test loss"].get_linestyle()


def test_the_loss_alone_has_one_panel():
    (axes,) = draw_history([{"epoch": 1, "train": {"loss": 1.0}, "test": {"loss": 2.0}}], "a run").axes
    assert axes.get_ylabel() == "loss"
