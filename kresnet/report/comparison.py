"""What tells several runs apart: their settings, their networks, and how they ended, seeds of one spec together."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from kresnet.plan.diff import PlanDifference, diff_plans, flatten_settings, format_value, setting_differences
from kresnet.report.plots import COLORS, METRICS, SYMBOLS, Plot, PlotTable, blank_figure, escape_name, metric_title
from kresnet.report.run_data import RunData

#: Settings of a recipe that leave a run another draw of the same, or say only where its data lie.
_IGNORED_SETTINGS = ("seed", "data.fold.fold", "data.path", "data.root", "data.data_dir")
#: Runs of a group that its label names.
MOST_IN_LABEL = 3
#: Nothing of the network.
_RECIPE_FIELD = "recipe"


@dataclass(frozen=True, slots=True)
class MeanAndSpread:
    """Mean and sample standard deviation of a metric over the runs of a group; a single run has no deviation."""

    mean: float
    deviation: float | None
    count: int

    def text(self, form: str) -> str:
        """Return text such as `0.8920 ± 0.0041`; `form` is the format of each number."""
        return f"{self.mean:{form}}" + ("" if self.deviation is None else f" ± {self.deviation:{form}}")


@dataclass(frozen=True)
class SeedGroup:
    """Runs that differ in nothing but their seed, and in which fold they are validated on.

    Attributes:
        label: the name of the group on the page.
        runs: indices of its runs among the compared ones.
        metrics: mean and spread of each metric of the test images, by name.
        validation: the same of the images to validate on; empty without such.
        difference: what distinguishes its network from the first group's; None for the first group.
    """

    label: str
    runs: tuple[int, ...]
    metrics: Mapping[str, MeanAndSpread]
    validation: Mapping[str, MeanAndSpread]
    difference: PlanDifference | None


@dataclass(frozen=True)
class RunComparison:
    """Several runs side by side.

    Attributes:
        runs: in the order in which they were named.
        groups: by the settings that the runs share, in the order of their first runs.
        spec, recipe: path of a setting that is not everywhere the same -> its value in each run, as YAML; a dash where
            a run has no such setting.
        same_data: whether all runs are of the same data, by their fingerprints.
    """

    runs: tuple[RunData, ...]
    groups: tuple[SeedGroup, ...]
    spec: Mapping[str, tuple[str, ...]]
    recipe: Mapping[str, tuple[str, ...]]
    same_data: bool

    @property
    def group_numbers(self) -> list[int]:
        """The index of the group of each run."""
        return [
            next(n for n, group in enumerate(self.groups) if index in group.runs) for index in range(len(self.runs))
        ]

    def as_dict(self) -> dict[str, Any]:
        """Return the comparison as JSON-ready values, without pictures."""
        labels = [run.label for run in self.runs]
        comparison = {
            "same_data": self.same_data,
            "spec": {path: dict(zip(labels, values, strict=True)) for path, values in self.spec.items()},
            "recipe": {path: dict(zip(labels, values, strict=True)) for path, values in self.recipe.items()},
            "groups": [
                {
                    "label": group.label,
                    "runs": [labels[index] for index in group.runs],
                    "test": {metric: asdict(spread) for metric, spread in group.metrics.items()},
                    **(
                        {"validation": {metric: asdict(spread) for metric, spread in group.validation.items()}}
                        if group.validation
                        else {}
                    ),
                    "difference": group.difference.as_dict() if group.difference else None,
                }
                for group in self.groups
            ],
        }
        return {"comparison": comparison, "runs": [run.as_dict() for run in self.runs]}


def make_comparison(runs: Sequence[RunData]) -> RunComparison:
    """Compare runs: group those that differ in their seed alone, and list the settings that differ."""
    specs = [{k: v for k, v in run.spec.document().items() if k != _RECIPE_FIELD} for run in runs]
    recipes = [run.recipe.document() for run in runs]
    members: list[list[int]] = []
    for index in range(len(runs)):
        for group in members:
            if _same_settings(specs[group[0]], specs[index]) and _same_settings(recipes[group[0]], recipes[index]):
                group.append(index)
                break
        else:
            members.append([index])
    first = runs[0]
    return RunComparison(
        runs=tuple(runs),
        groups=tuple(
            SeedGroup(
                label=_group_label([runs[n] for n in group]),
                runs=tuple(group),
                metrics=_group_metrics([runs[n].test for n in group]),
                validation=_group_metrics([runs[n].validation for n in group]),
                difference=diff_plans(first.plan, runs[group[0]].plan, specs[0], specs[group[0]]) if number else None,
            )
            for number, group in enumerate(members)
        ),
        spec=_differing_settings(specs),
        recipe=_differing_settings(recipes),
        same_data=len({run.data.get("fingerprint") for run in runs}) == 1,
    )


def final_plot(comparison: RunComparison) -> Plot | None:
    """Plot the headline metric of every run, a row for each group, with mean and deviation of several runs."""
    runs = comparison.runs
    metric = runs[0].headline
    shown = [group for group in comparison.groups if metric in group.metrics]
    if not shown:
        return None
    figure = blank_figure(f"test {metric_title(metric).lower()}", height=110 + 46 * len(shown))
    several = len(comparison.groups) > 1
    for place, group in enumerate(shown):
        number = comparison.groups.index(group)
        points = [(runs[n].label, runs[n].test[metric]) for n in group.runs if runs[n].test.get(metric) is not None]
        color = COLORS[number % len(COLORS)]
        figure.add_scatter(x=[value for _, value in points], y=[place] * len(points), mode="markers",
                           text=[escape_name(label) for label, _ in points],
                           hovertemplate="%{text}: %{x:.4f}<extra></extra>",
                           marker={"color": color, "symbol": SYMBOLS[0], "size": 10}, showlegend=False)  # fmt: skip
        spread = group.metrics[metric]
        if spread.deviation is not None:
            figure.add_scatter(x=[spread.mean], y=[place], mode="markers", showlegend=place == 0,
                               name="mean ± standard deviation", hoverinfo="skip",
                               error_x={"array": [spread.deviation], "color": color, "thickness": 2, "width": 8},
                               marker={"color": color, "symbol": "line-ns-open", "size": 18,
                                       "line": {"width": 2}})  # fmt: skip
    figure.update_yaxes(tickmode="array", tickvals=list(range(len(shown))), zeroline=False,
                        ticktext=[escape_name(group.label, 32) for group in shown],
                        range=[len(shown) - 0.5, -0.5])  # fmt: skip
    figure.update_layout(hovermode="closest")
    rows = tuple((group.label, str(group.metrics[metric].count), group.metrics[metric].text(".4f")) for group in shown)
    sentence = "; ".join(f"{label}: {text}" + (f" over {count} runs" if int(count) > 1 else "")
                     for label, count, text in rows) + "."  # fmt: skip
    what = "seeds of one spec in a row" if several or len(runs) > 1 else ""
    table = PlotTable(f"Test {metric_title(metric).lower()}, {what}", ("group", "runs", metric_title(metric)), rows)
    return Plot("final", f"Test {metric_title(metric).lower()}", sentence, figure, table, wide=True)


def _same_settings(a: Mapping[str, Any], b: Mapping[str, Any]) -> bool:
    return all(difference.path in _IGNORED_SETTINGS for difference in setting_differences(a, b))


def _group_label(group: Sequence[RunData]) -> str:
    """The runs' names, or the first one's with the number of the others."""
    if len(group) <= MOST_IN_LABEL:
        return ", ".join(run.label for run in group)
    return f"{group[0].label} and {len(group) - 1} more"


def _group_metrics(measured: Sequence[Mapping[str, float | None]]) -> dict[str, MeanAndSpread]:
    """Return mean and spread of each metric over runs, of one split."""
    found = {}
    for metric in dict.fromkeys((*METRICS, *(name for run in measured for name in run))):
        values = [value for run in measured if (value := run.get(metric)) is not None and math.isfinite(value)]
        if values:
            deviation = float(np.std(values, ddof=1)) if len(values) > 1 else None
            found[metric] = MeanAndSpread(float(np.mean(values)), deviation, len(values))
    return found


def _differing_settings(documents: Sequence[Mapping[str, Any]]) -> dict[str, tuple[str, ...]]:
    """The settings that are not everywhere the same, with the value in each document."""
    stated = [dict(flatten_settings(document)) for document in documents]
    paths = dict.fromkeys(
        difference.path for document in documents[1:] for difference in setting_differences(documents[0], document)
    )
    return {path: tuple(format_value(each[path]) if path in each else "–" for each in stated) for path in paths}


__all__ = ["MeanAndSpread", "RunComparison", "SeedGroup", "final_plot", "make_comparison"]
