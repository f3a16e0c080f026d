"""One page about a search: the fronts of score against cost, how trials were left out, what each setting matters."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from kresnet.plan.summary import with_unit_prefix
from kresnet.report.page import render_template
from kresnet.report.plots import COLORS, Plot, PlotTable, blank_figure, escape_name
from kresnet.spec.search import Dimension
from kresnet.study.search.result_files import search_sentences, search_table, settings_text
from kresnet.study.search.search_figures import COST_WORDS
from kresnet.study.search.search_results import score_text

Values = Mapping[str, Any]

#: Letters of a candidate's settings that a point tells.
_MOST_LETTERS = 160


def search_page(values: Values) -> str:
    """Return the HTML page about a search.

    Args:
        values: as `search.json` holds them.
    """
    heads, rows = search_table(values)
    found = PlotTable("Trials on a front, the best first", tuple(heads), tuple(map(tuple, rows)))
    trials = PlotTable("All trials", *_all_trials(values))
    return render_template(
        "search.html",
        title=values["search"],
        values=values,
        sentences=search_sentences(values),
        found=found if rows else None,
        trials=trials,
        fronts=list(_front_plots(values)),
        others=[plot for plot in (_halving_plot(values), _importance_plot(values)) if plot],
        settings=_settings_table(values),
    )


def _all_trials(values: Values) -> tuple[tuple[str, ...], tuple[tuple[str, ...], ...]]:
    heads = ("trial", "state", "epochs", values["metric"], "MACs", "parameters", "found by", "settings")
    rows = []
    for each in values["proposed"]:
        last = (list(each["by_epoch"].values()) or [None])[-1]
        costs = [with_unit_prefix(int(each["costs"][name])) for name in ("macs", "parameters")]
        rows.append((str(each["trial"]), each["state"].replace("_", " "), str(each["epochs"]), score_text(values, last),
                     *costs, each["found_by"], settings_text(each["values"])))  # fmt: skip
    return heads, tuple(rows)


def _scale(values: Values) -> tuple[float, str]:
    return (100.0, ", %") if values["maximize"] else (1.0, "")


def _front_plots(values: Values) -> Iterator[Plot]:
    scale, unit = _scale(values)
    finished = [each for each in values["proposed"] if each["state"] == "finished" and each["value"] is not None]
    for cost, front in values["fronts"].items():
        words = COST_WORDS[cost]
        known = [each for each in finished if cost in each["costs"]]
        figure = blank_figure(words, height=340)
        for name, color, symbol, group in (
            ("finished", "var(--ink-2)", "circle", [each for each in known if each["trial"] not in front]),
            ("on the front", COLORS[0], "diamond", [each for each in known if each["trial"] in front]),
        ):
            group = sorted(group, key=lambda each: each["costs"][cost])
            told = [f"trial {each['trial']}: {settings_text(each['values'])}" for each in group]
            figure.add_scatter(
                x=[each["costs"][cost] for each in group], y=[each["value"] * scale for each in group], name=name,
                mode="lines+markers" if name == "on the front" else "markers",
                line={"shape": "hv", "color": color, "width": 1.5},
                marker={"color": color, "symbol": symbol, "size": 9},
                text=[escape_name(each, _MOST_LETTERS) for each in told],
                hovertemplate="%{text}<br>%{x:,.4g}, %{y:.4g}<extra></extra>",
            )  # fmt: skip
        figure.update_layout(hovermode="closest")
        figure.update_yaxes(title={"text": f"validation {values['metric']}{unit}"})
        on_front = [each for each in known if each["trial"] in front]
        rows = tuple((str(each["trial"]), f"{each['costs'][cost]:,.4g}", score_text(values, each["value"]))
                     for each in sorted(on_front, key=lambda each: each["costs"][cost]))  # fmt: skip
        best = rows[-1]
        summary = (
            f"{len(rows)} of {len(known)} finished trials are on the front: none that costs less is as good. "
            f"The best, trial {best[0]}, has {best[2]} at {best[1]}."
        )
        table = PlotTable(f"The front against {words}", ("trial", words, values["metric"]), rows)
        yield Plot(f"front-{cost.replace('_', '-')}", f"Against {words}", summary, figure, table)


def _halving_plot(values: Values) -> Plot | None:
    if not values["rungs"]:
        return None
    scale, unit = _scale(values)
    figure = blank_figure("epoch")
    for each in values["proposed"]:
        ended = each["state"] == "finished"
        figure.add_scatter(
            x=[int(epoch) for epoch in each["by_epoch"]], y=[value * scale for value in each["by_epoch"].values()],
            mode="lines+markers", name=f"trial {each['trial']}", showlegend=False, opacity=1.0 if ended else 0.45,
            line={"color": COLORS[0] if ended else "var(--ink-2)", "width": 2 if ended else 1}, marker={"size": 4},
            hovertemplate=f"trial {each['trial']}, epoch %{{x}}: %{{y:.4g}}<extra></extra>",
        )  # fmt: skip
    figure.update_layout(hovermode="closest")
    figure.update_yaxes(title={"text": f"validation {values['metric']}{unit}"})
    states = [each["state"] for each in values["proposed"]]
    rows = []
    for rung in [*values["rungs"], None]:
        reached = sum(state == "finished" for state in states) if rung is None else sum(
            str(rung) in each["by_epoch"] for each in values["proposed"])  # fmt: skip
        rows.append((f"epoch {rung}" if rung else "the end", str(reached)))
    table = PlotTable("Trials that came so far", ("so far", "trials"), tuple(rows))
    summary = "; ".join(f"{count} trials reached {where}" for where, count in rows) + "."
    return Plot("halving", "Successive halving", summary, figure, table)


def _importance_plot(values: Values) -> Plot | None:
    if not (found := values["importance"]):
        return None
    shares = found["shares"]
    figure = blank_figure("share of the variance, %", height=90 + 26 * len(shares))
    names = [escape_name(name, 48) for name in shares]
    figure.add_bar(x=[100 * share for share in shares.values()], y=names, orientation="h", marker={"color": COLORS[0]},
                   hovertemplate="%{y}: %{x:.1f}%<extra></extra>")  # fmt: skip
    figure.update_yaxes(autorange="reversed")
    figure.update_layout(hovermode="closest")
    when = "at the end" if found["after_epoch"] is None else f"after epoch {found['after_epoch']}"
    first = next(iter(shares))
    summary = f"Of the {values['metric']} {when} over {found['trials']} trials (fANOVA); most depends on {first}."
    rows = tuple((name, f"{100 * share:.1f}%") for name, share in shares.items())
    table = PlotTable("Importance of each setting", ("setting", "share"), rows)
    return Plot("importance", "Which settings matter", summary, figure, table)


def _settings_table(values: Values) -> PlotTable:
    rows = [(name, Dimension.model_validate(stated).text()) for name, stated in values["axes"].items()]
    return PlotTable("What varied", ("setting", "values"), tuple(rows), words=2)


__all__ = ["search_page"]
