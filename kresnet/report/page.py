"""One page about one run or several, as a single HTML file that needs nothing else and asks nothing of any network."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Sequence
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
from kresnet.report.plots import Plot, PlotTable, RunStyle, metric_plots, style_runs, throughput_plots
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


def report_page(run: RunData) -> str:
    """Return the HTML page about one run."""
    styles = style_runs([run], [0])
    return _render_page(
        f"{run.plan.name}: {run.label}",
        [run],
        styles,
        networks=[NetworkSection(run.plan.name, run, network_stages(run.plan, run.spec))],
        tiles=list(page_sections.tiles(run)),
        comparison=None,
    )


def compare_page(comparison: RunComparison) -> str:
    """Return the HTML page that compares several runs."""
    runs, styles = comparison.runs, style_runs(comparison.runs, comparison.group_numbers)
    labels = [run.label for run in runs]
    shown = [group for group in comparison.groups if group.difference is None or not group.difference.identical]
    networks = [
        NetworkSection(
            group.label, runs[group.runs[0]], network_stages(runs[group.runs[0]].plan, runs[group.runs[0]].spec)
        )
        for group in shown
    ]
    seeds = any(len(group.runs) > 1 for group in comparison.groups)
    changed = [group for group in comparison.groups if group.difference and not group.difference.identical]
    return _render_page(
        f"{len(runs)} runs compared",
        runs,
        styles,
        networks=networks,
        tiles=[],
        comparison=comparison,
        final=final_plot(comparison),
        overview=page_sections.overview_table(runs),
        seeds=page_sections.groups_table(comparison.groups) if seeds else None,
        spec_differences=page_sections.differing_settings_table("Settings of the spec", comparison.spec, labels),
        recipe_differences=page_sections.differing_settings_table("Settings of the recipe", comparison.recipe, labels),
        block_differences=[
            page_sections.differing_blocks_table(group, comparison.groups[0].label) for group in changed
        ],
    )


def _render_page(title: str, runs: Sequence[RunData], styles: Sequence[RunStyle], **parts: Any) -> str:
    several = len(runs) > 1
    sections = [_evaluation_section(index, run) for index, run in enumerate(runs)]
    evaluated = [(style, each.evaluation) for style, each in zip(styles, sections, strict=True)
              if isinstance(each.evaluation, Evaluation)]  # fmt: skip
    context = {
        "runs": runs,
        "several": several,
        "states": [page_sections.status_notice(run) for run in runs],
        "notices": [list(page_sections.notices(run)) for run in runs],
        "curves": list(metric_plots(styles)),
        "evaluations": sections,
        "accuracies": class_accuracy_plot(evaluated),
        "flow": list(gradient_flow_plots(styles)),
        "norms": norm_check_plot(styles),
        "has_norms": any(batch_norms(run.plan) for run in runs),
        "throughput": list(throughput_plots(styles)),
        "environment": list(page_sections.environment_tables(runs)),
        **parts,
    }
    return render_template("page.html", title=title, **context)


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


__all__ = ["compare_page", "render_template", "report_page", "template_environment"]
