"""One page about one run or several, as a single HTML file that needs nothing else and asks nothing of any network."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined
from plotly.offline import get_plotlyjs

from kresnet.evaluation.evaluation import Evaluation, NotEvaluated
from kresnet.plan.summary import shape_text, with_unit_prefix
from kresnet.probes.block_paths import batch_norms
from kresnet.report import page_sections
from kresnet.report.comparison import RunComparison, final_plot
from kresnet.report.gradient_plots import gradient_flow_plots, norm_check_plot
from kresnet.report.mistake_plots import class_accuracy_plot, confusion_plot
from kresnet.report.network_tree import NetworkStage, network_stages
from kresnet.report.plots import Plot, PlotTable, metric_plots, style_runs, throughput_plots
from kresnet.report.ranking_plots import class_scores_table, ranking_plots, thresholds_table
from kresnet.report.reliability_plot import reliability_plot
from kresnet.report.run_data import RunData
from kresnet.version import __version__


@dataclass(frozen=True, slots=True)
class NetworkSection:
    """The section of the page about a network that one or several of its runs train."""

    title: str
    run: RunData
    stages: list[NetworkStage]


@dataclass(frozen=True, slots=True)
class EvaluationSection:
    """The section of the page about a run's evaluation on the test images."""

    run: RunData
    evaluation: Evaluation | NotEvaluated
    confusion: Plot | None
    pairs: PlotTable | None
    reliability: Plot | None = None
    rankings: Sequence[Plot] = ()
    thresholds: PlotTable | None = None
    scores: PlotTable | None = None


#: Sections of the page, each a block of its template; the first two are all that change between two epochs.
OVERVIEW_SECTIONS = ("overview", "log")
_SECTIONS = (
    *OVERVIEW_SECTIONS,
    *("differences", "network", "curves", "test", "gradients", "norms", "pace", "machine", "repeat"),
)


def report_page(run: RunData) -> str:
    """Return the HTML page about one run."""
    return render_template("page.html", **page_context(run))


def compare_page(comparison: RunComparison) -> str:
    """Return the HTML page that compares several runs."""
    return render_template("page.html", **page_context(comparison))


def page_context(shown: RunData | RunComparison, *, live: bool = False) -> dict[str, Any]:
    """Return what the template of a page is filled with.

    Args:
        shown: the run, or the runs, that the page is about.
        live: whether the page follows them.
    """
    if isinstance(shown, RunComparison):
        runs, styles = shown.runs, style_runs(shown.runs, shown.group_numbers)
    else:
        runs, styles = (shown,), style_runs([shown], [0])
    sections = [_evaluation_section(index, run) for index, run in enumerate(runs)]
    evaluated = [(style, each.evaluation) for style, each in zip(styles, sections, strict=True)
                 if isinstance(each.evaluation, Evaluation)]  # fmt: skip
    return {
        **overview_context(shown, live=live),
        **(_differences_context(shown) if isinstance(shown, RunComparison) else _network_context(shown)),
        "curves": list(metric_plots(styles)),
        "evaluations": sections,
        "accuracies": class_accuracy_plot(evaluated),
        "flow": list(gradient_flow_plots(styles)),
        "norms": norm_check_plot(styles),
        "has_norms": any(batch_norms(run.plan) for run in runs),
        "throughput": list(throughput_plots(styles)),
        "environment": list(page_sections.environment_tables(runs)),
    }


def overview_context(shown: RunData | RunComparison, *, live: bool = False) -> dict[str, Any]:
    """Return the part of `page_context` that `OVERVIEW_SECTIONS` are filled with."""
    runs = shown.runs if isinstance(shown, RunComparison) else (shown,)
    context = {
        "runs": runs,
        "several": len(runs) > 1,
        "states": [page_sections.status_notice(run, live=live) for run in runs],
        "notices": [list(page_sections.notices(run)) for run in runs],
    }
    if isinstance(shown, RunData):
        title = f"{shown.plan.name}: {shown.label}"
        return context | {"title": title, "tiles": list(page_sections.tiles(shown)), "comparison": None}
    seeds = any(len(group.runs) > 1 for group in shown.groups)
    return context | {
        "title": f"{len(runs)} runs compared",
        "comparison": shown,
        "final": final_plot(shown),
        "overview": page_sections.overview_table(runs),
        "seeds": page_sections.groups_table(shown.groups) if seeds else None,
    }


def render_sections(context: Mapping[str, Any], names: Sequence[str] = _SECTIONS) -> dict[str, str]:
    """Return sections of a page one by one, by their names, without those that it has not.

    Args:
        context: what `page_context` returned; of `overview_context` for `OVERVIEW_SECTIONS`.
        names: which sections.
    """
    template = template_environment().get_template("page.html")
    own = template.new_context({**context, "m": _macros()})
    wanted = [name for name in names if name != "differences" or context["several"]]
    found = {name: _as_text("".join(template.blocks[name](own))).strip() for name in wanted}
    return {name: html for name, html in found.items() if html}


def _network_context(run: RunData) -> dict[str, Any]:
    return {"networks": [NetworkSection(run.plan.name, run, network_stages(run.plan, run.spec))]}


def _differences_context(comparison: RunComparison) -> dict[str, Any]:
    runs, groups = comparison.runs, comparison.groups
    labels = [run.label for run in runs]
    shown = [group for group in groups if group.difference is None or not group.difference.identical]
    first_runs = [runs[group.runs[0]] for group in shown]
    return {
        "networks": [
            NetworkSection(group.label, run, network_stages(run.plan, run.spec))
            for group, run in zip(shown, first_runs, strict=True)
        ],
        "spec_differences": page_sections.differing_settings_table("Settings of the spec", comparison.spec, labels),
        "recipe_differences": page_sections.differing_settings_table(
            "Settings of the recipe", comparison.recipe, labels
        ),
        "block_differences": [
            page_sections.differing_blocks_table(group, groups[0].label) for group in shown if group.difference
        ],
    }


def render_template(template: str, **context: Any) -> str:
    """Return a page that is whole by itself: a template with its figures, and all that draws them."""
    script, library = _read_template("page.js"), get_plotlyjs()
    html = (
        template_environment()
        .get_template(template)
        .render(
            context,
            made=f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
            version=__version__,
            style=_read_template("style.css"),
            script=script,
            library=library,
            policy=_content_security_policy(script, library),
        )
    )
    return _as_text(html)


def _as_text(html: str) -> str:
    return html.encode("utf-8", "backslashreplace").decode("utf-8")  # names of files need not be text


def _evaluation_section(index: int, run: RunData) -> EvaluationSection:
    evaluation = run.evaluation
    if isinstance(evaluation, NotEvaluated):
        return EvaluationSection(run, evaluation, None, None)
    pairs = page_sections.pairs_table(evaluation) if evaluation.confused_pairs else None
    return EvaluationSection(
        run,
        evaluation,
        confusion_plot(evaluation, f"confusion-{index}"),
        pairs,
        reliability=reliability_plot(evaluation, f"reliability-{index}"),
        rankings=list(ranking_plots(evaluation, str(index))),
        thresholds=thresholds_table(evaluation),
        scores=class_scores_table(evaluation),
    )


def _content_security_policy(*scripts: str) -> str:
    """A Content-Security-Policy that runs these scripts alone, and lets the page fetch nothing from anywhere."""
    hashes = " ".join(
        f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'" for script in scripts
    )
    return (
        f"default-src 'none'; script-src {hashes}; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; "
        "form-action 'none'"
    )


@cache
def _read_template(name: str) -> str:
    return (files("kresnet.report") / "templates" / name).read_text(encoding="utf-8")


@cache
def _macros() -> Any:
    """The page's macros, which a block that is rendered by itself has not imported."""
    return template_environment().get_template("macros.html").module


@cache
def template_environment(*packages: str) -> Environment:
    """Return what renders the templates of this room, and those of other packages, which may import its macros."""
    environment = Environment(
        loader=ChoiceLoader([PackageLoader(package) for package in ("kresnet.report", *packages)]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"shape": shape_text, "amount": with_unit_prefix, "figure": _plotly_values}
    return environment


def _plotly_values(plot: Plot) -> Any:
    """What Plotly draws, as plain values for the `tojson` filter, which lets no `<` through."""
    values = json.loads(plot.figure.to_json(engine="json"))
    values["layout"].pop("template", None)  # Plotly's own colours; the page has its reader's
    return values


__all__ = [
    "OVERVIEW_SECTIONS",
    "compare_page",
    "overview_context",
    "page_context",
    "render_sections",
    "render_template",
    "report_page",
    "template_environment",
]
