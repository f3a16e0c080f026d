"""Heat maps and profiles of gradient norms hold what the run measured."""

import numpy as np

from kresnet.report.gradient_plots import describe_gradient_flow, gradient_flow_plots, norm_check_plot
from kresnet.report.plots import style_runs
from kresnet.report.run_data import gather_run_data
from tests.report.recorded_runs import made


def test_the_heat_map_is_the_logarithm_of_the_measured_norms(tmp_path):
    run = gather_run_data(made(tmp_path / "run").path, "run", None)
    heat_map, *_ = gradient_flow_plots(style_runs([run], [0]))
    (trace,) = heat_map.figure.data
    assert list(trace.x) == list(run.gradients.steps) == [1, 11, 21, 31]
    np.testing.assert_allclose(trace.z, np.log10(run.gradients.delta), atol=1e-3)


def test_a_gradient_that_holds_is_said_to_hold(tmp_path):
    run = gather_run_data(made(tmp_path / "run").path, "run", None)
    sentence = describe_gradient_flow(run.gradients)
    assert sentence.startswith("The gradient held in all 4 measurements; from the last block to the first")
    assert "a factor 1e+04 in step 1" in sentence


def test_norms_are_plotted_as_fractions_of_their_tolerance(tmp_path):
    run = gather_run_data(made(tmp_path / "run").path, "run", None)
    plot = norm_check_plot(style_runs([run], [0]))
    assert list(plot.figure.data[0].y) == [1e-6 / 2e-5] * 4
    assert norm_check_plot([]) is None
