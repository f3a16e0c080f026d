"""Where the gradient goes over time, and how close batch norms come to their tolerance."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go

from kresnet.report.history import GradientSeries, NormCheckSeries, evenly_spaced
from kresnet.report.plots import (
    COLORS,
    DASHES,
    SYMBOLS,
    Plot,
    PlotTable,
    RunStyle,
    blank_figure,
    escape_name,
    number_text,
)

#: Moments whose profile over the blocks is drawn.
MOMENTS = 4
#: Rows that a heat map's height grows for.
_MOST_TALL_ROWS = 60


def gradient_flow_plots(styles: Sequence[RunStyle]) -> Iterator[Plot]:
    """Plot ‖δ‖ by block and step as a heat map for each measured run, all on one scale, and along the blocks."""
    measured = [(style, style.run.gradients) for style in styles if style.run.gradients]
    logs = [
        np.log10(series.delta, where=series.delta > 0, out=np.full_like(series.delta, np.nan)) for _, series in measured
    ]
    there = np.concatenate([log[np.isfinite(log)] for log in logs]) if logs else np.array([])
    bounds = (float(there.min()), float(there.max())) if len(there) else (0.0, 1.0)
    several = len(styles) > 1
    for index, ((style, series), log) in enumerate(zip(measured, logs, strict=True)):
        yield _heat_map(index, style, series, log, bounds, several)
        if not several:
            yield _block_profile_at_moments(series)
            if np.isfinite(series.identity).any():
                yield _shortcut_and_branch_plot(series)
    if several and measured:
        yield _last_profiles([(style, series) for style, series in measured])


def _heat_map(
    index: int, style: RunStyle, series: GradientSeries, log: np.ndarray, bounds: tuple[float, float], several: bool
) -> Plot:
    columns = evenly_spaced(len(series.steps))
    shown, rows = series.select(columns), len(series.blocks)
    figure = blank_figure("step", height=120 + 16 * min(max(rows, 12), _MOST_TALL_ROWS))
    figure.add_heatmap(
        z=np.round(log[:, columns], 3).tolist(), x=list(shown.steps), y=list(range(1, rows + 1)),
        customdata=[[escape_name(block)] * len(columns) for block in series.blocks], colorscale="Cividis",
        zmin=bounds[0], zmax=bounds[1],
        colorbar={"title": {"text": "log₁₀ ‖δ‖", "side": "right"}, "thickness": 12, "outlinewidth": 0},
        hovertemplate="step %{x}, %{customdata}<br>‖δ‖ = 10^%{z:.2f}<extra></extra>",
    )  # fmt: skip
    figure.update_layout(hovermode="closest")
    figure.update_yaxes(title={"text": "stage.block"}, autorange="reversed", **_block_ticks(series.blocks))
    title = f"‖δ‖ by block and step: {style.run.label}" if several else "Size of the gradient, by block and step"
    head = ("step", "verdict", "in block", f"‖δ‖ {series.blocks[0]}", f"‖δ‖ {series.blocks[-1]}", "first / last")
    table = tuple(
        (f"{step:,}", verdict.replace("_", " "), block or "–", number_text(first, ".3g"), number_text(last, ".3g"),
         number_text(first / last if last else None, ".3g"))
        for step, verdict, block, first, last in zip(
            shown.steps, shown.verdicts, shown.first_blocks, shown.delta[0].tolist(), shown.delta[-1].tolist(),
            strict=True,
        )
    )  # fmt: skip
    caption = f"Gradient at the first and the last block, {len(columns)} of {len(series.steps)} measurements"
    summary = describe_gradient_flow(series)
    return Plot(
        f"gradients-{index}", title, summary, figure, PlotTable(caption, head, table, words=3), wide=not several
    )


def describe_gradient_flow(series: GradientSeries) -> str:
    """Return a sentence that says whether and where the gradient vanished or exploded."""
    bad = [(step, verdict, block) for step, verdict, block in
           zip(series.steps, series.verdicts, series.first_blocks, strict=True) if verdict != "holds"]  # fmt: skip
    first, last = series.delta[0], series.delta[-1]
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = first / last
    ends = f"from the last block to the first it changed by a factor {number_text(float(ratio[0]), '.3g')} in step " \
           f"{series.steps[0]:,} and {number_text(float(ratio[-1]), '.3g')} in step {series.steps[-1]:,}."  # fmt: skip
    if not bad:
        return f"The gradient held in all {len(series.steps)} measurements; {ends}"
    step, verdict, block = bad[0]
    words = "was no number" if verdict == "not_a_number" else verdict.removesuffix("s") + "d"
    return (
        f"The gradient {words} in {len(bad)} of {len(series.steps)} measurements, first in step {step:,}, seen from "
        f"{block} on; {ends}"
    )


def _block_profile_at_moments(series: GradientSeries) -> Plot:
    moments = evenly_spaced(len(series.steps), MOMENTS)
    figure, places = _figure_over_blocks(series.blocks)
    for number_of, column in enumerate(moments.tolist()):
        figure.add_scatter(x=places, y=_round_positive(series.delta[:, column]), name=f"step {series.steps[column]:,}",
                           line={"color": COLORS[number_of], "dash": DASHES[number_of]}, mode=_trace_mode(places),
                           marker={"symbol": SYMBOLS[number_of], "size": 6})  # fmt: skip
    head = ("block", *(f"step {series.steps[n]:,}" for n in moments))
    rows = tuple((block, *(number_text(v, ".3g") for v in series.delta[n, moments].tolist()))
                 for n, block in enumerate(series.blocks))  # fmt: skip
    summary = "The norm of the gradient at the output of each block; a level line means that it holds on its way."
    return Plot("gradient-moments", "‖δ‖ along the blocks", summary, figure, PlotTable("‖δ‖ by block", head, rows))


def _shortcut_and_branch_plot(series: GradientSeries) -> Plot:
    figure, places = _figure_over_blocks(series.blocks)
    ways = {"over the shortcut": series.identity[:, -1], "through the branch": series.residual[:, -1]}
    for index, (way, values) in enumerate(ways.items()):
        figure.add_scatter(x=places, y=_round_positive(values), name=way, mode=_trace_mode(places),
                           line={"color": COLORS[index], "dash": DASHES[index]},
                           marker={"symbol": SYMBOLS[index], "size": 6})  # fmt: skip
    rows = tuple((block, *(number_text(float(values[n]), ".3g") for values in ways.values()))
                 for n, block in enumerate(series.blocks))  # fmt: skip
    summary = f"The two terms of the gradient that reach each block's input, in step {series.steps[-1]:,}."
    table = PlotTable("Norm of either term by block", ("block", *ways), rows)
    return Plot("gradient-ways", "Over the shortcut or through the branch", summary, figure, table)


def _last_profiles(measured: Sequence[tuple[RunStyle, GradientSeries]]) -> Plot:
    longest = max((series.blocks for _, series in measured), key=len)
    figure, _ = _figure_over_blocks(longest, height=360)
    for style, series in measured:
        places = list(range(1, len(series.blocks) + 1))
        figure.add_scatter(x=places, y=_round_positive(series.delta[:, -1]), mode=_trace_mode(places),
                           name=escape_name(f"{style.run.label}, step {series.steps[-1]:,}", 40),
                           line={"color": style.color}, marker={"symbol": style.symbol, "size": 6})  # fmt: skip
    rows = tuple(
        (
            block,
            *(
                number_text(float(series.delta[n, -1]), ".3g") if n < len(series.blocks) else "–"
                for _, series in measured
            ),
        )
        for n, block in enumerate(longest)
    )
    table = PlotTable("‖δ‖ by block, as last measured", ("block", *(style.run.label for style, _ in measured)), rows)
    summary = "The norm of the gradient at each block of each run, as last measured."
    return Plot("gradient-profiles", "‖δ‖ along the blocks, as last measured", summary, figure, table, wide=True)


def norm_check_plot(styles: Sequence[RunStyle]) -> Plot | None:
    """Plot how close the worst batch norm comes to its tolerance, over the steps; None where nothing was checked."""
    checked = [(style, style.run.history.norm_checks) for style in styles if style.run.history.norm_checks]
    if not checked:
        return None
    figure = blank_figure("step")
    for style, checks in checked:
        shown = [checks[n] for n in evenly_spaced(len(checks)).tolist()]
        worst = [check.worst[2] for check in shown]
        figure.add_scatter(x=[check.step for check in shown], y=[v if np.isfinite(v) else None for v in worst],
                           name=escape_name(style.run.label), mode=_trace_mode(shown), line={"color": style.color},
                           marker={"symbol": style.symbol, "size": 6}, showlegend=len(styles) > 1)  # fmt: skip
    ends = [figure.data[0].x[0], max(trace.x[-1] for trace in figure.data)]
    figure.add_scatter(x=ends, y=[1.0, 1.0], name="tolerance", mode="lines", hoverinfo="skip",
                       line={"color": "var(--ink-2)", "dash": "dash", "width": 1.5})  # fmt: skip
    most = max((value for trace in figure.data for value in trace.y if value is not None), default=1.0)
    figure.update_yaxes(title={"text": "largest error / tolerance"}, rangemode="tozero",
                        type="log" if most > 10 else "linear", exponentformat="power")  # fmt: skip
    summary = " ".join(_describe_norm_checks(style, checks, several=len(styles) > 1) for style, checks in checked)
    rows = tuple(
        (style.run.label, f"{check.step:,}", *check.worst[:2], number_text(check.worst[2], ".2%"),
         ", ".join(block for block, errors in check.norms.items() if errors["failures"]) or "none")
        for style, checks in checked
        for check in (checks[n] for n in evenly_spaced(len(checks)).tolist())
    )  # fmt: skip
    head = ("run", "step", "worst norm", "gradient by", "share of its tolerance", "failed")
    return Plot("batch-norm", "Backward pass of batch norm beside its derivation", summary, figure,
                PlotTable("Each check's worst batch norm", head, rows, words=4), wide=True)  # fmt: skip


def _describe_norm_checks(style: RunStyle, checks: Sequence[NormCheckSeries], *, several: bool) -> str:
    who, count = f"{style.run.label}: " if several else "", len(checks[-1].norms)
    if failed := [check for check in checks if any(errors["failures"] for errors in check.norms.values())]:
        return f"{who}In step {failed[0].step:,} a batch norm's gradient was not that of the derivation."
    share = max(check.worst[2] for check in checks)
    return (
        f"{who}{len(checks)} checks of {count} batch norms in float64: every gradient agrees, the worst within "
        f"{share:.1%} of its tolerance."
    )


def _figure_over_blocks(blocks: Sequence[str], height: int = 300) -> tuple[go.Figure, list[int]]:
    """A figure over the blocks, from input to output, and their places on it."""
    figure = blank_figure("stage.block, from the input", height)
    figure.update_xaxes(**_block_ticks(blocks))
    figure.update_yaxes(type="log", exponentformat="power")
    return figure, list(range(1, len(blocks) + 1))


def _block_ticks(blocks: Sequence[str]) -> dict[str, Any]:
    """Names of at most a dozen blocks, `stage2.block3` as 2.3."""
    places = evenly_spaced(len(blocks), 12).tolist()
    names = [escape_name(blocks[n].replace("stage", "").replace("block", "")) for n in places]
    return {"tickmode": "array", "tickvals": [n + 1 for n in places], "ticktext": names, "zeroline": False}


def _round_positive(values: np.ndarray) -> list[float | None]:
    """What has a logarithm."""
    return [float(f"{value:.4g}") if value > 0 else None for value in values.tolist()]


def _trace_mode(places: Sequence[object]) -> str:
    return "lines+markers" if len(places) <= 60 else "lines"
