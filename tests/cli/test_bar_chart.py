"""Bars of eighths of a character."""

from kresnet.cli.bar_chart import bar_chart, chart_width


def test_the_chart_is_as_high_as_the_values():
    lines = bar_chart([0.0, 0.5, 1.0, 0.5], ("0", "step 1,000"), width=12, height=2)
    assert lines == [
        "        1 ┤      ███", "        0 ┤   █████████", "          └────────────", "           0 step 1,000",
    ]  # fmt: skip


def test_a_chart_may_begin_above_0_and_cut_what_is_higher():
    lines = bar_chart([2.0, 2.5, 3.0, 99.0], ("a", "b"), low=2.0, top=3.0, width=4, height=1)
    assert lines[0] == "        3 ┤ ▄██"
    assert lines[2] == f"{'':>11}a  b"


def test_a_chart_fits_its_terminal():
    assert [chart_width(columns) for columns in (10, 60, 200)] == [20, 48, 72]
