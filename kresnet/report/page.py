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

from jinja2 import Environment, PackageLoader, StrictUndefined
from plotly.offline import get_plotlyjs

from kresnet.evaluation.evaluation import Evaluation, NotEvaluated
from kresnet.plan.summary import shape_text, with_unit_prefix
from kresnet.probes.block_paths import batch_norms
from kresnet.report import page_sections as views
from kresnet.report.comparison import RunComparison, final_plot
from kresnet.report.gradient_plots import flow_plots, norm_plot
from kresnet.report.mistake_plots import accuracies, confusion
from kresnet.report.network_tree import Level, levels
from kresnet.report.plots import Line, Plot, PlotTable, curves, lines, throughput
from kresnet.report.run_data import RunData
from kresnet.version import __version__


@dataclass(frozen=True, slots=True)
class NetworkSection:
    """A network that some of the page's runs train."""

    title: str
    facts: RunData
    levels: list[Level]


@dataclass(frozen=True, slots=True)
class EvaluationSection:
    """What one run's model makes of the test images."""

    facts: RunData
    found: Evaluation | NotEvaluated
    confusion: Plot | None
    pairs: PlotTable | None


def report_page(facts: RunData) -> str:
    """The page of one run."""
    drawn = lines([facts], [0])
    return _render(
        f"{facts.plan.name}: {facts.label}",
        [facts],
        drawn,
        networks=[NetworkSection(facts.plan.name, facts, levels(facts.plan, facts.spec))],
        tiles=list(views.tiles(facts)),
        comparison=None,
    )


def compare_page(comparison: RunComparison) -> str:
    """The page of several runs."""
    runs, drawn = comparison.runs, lines(comparison.runs, comparison.group_numbers)
    labels = [facts.label for facts in runs]
    shown = [group for group in comparison.groups if group.difference is None or not group.difference.identical]
    networks = [
        NetworkSection(group.label, runs[group.runs[0]], levels(runs[group.runs[0]].plan, runs[group.runs[0]].spec))
        for group in shown
    ]
    seeds = any(len(group.runs) > 1 for group in comparison.groups)
    changed = [group for group in comparison.groups if group.difference and not group.difference.identical]
    return _render(
        f"{len(runs)} runs compared",
        runs,
        drawn,
        networks=networks,
        tiles=[],
        comparison=comparison,
        final=final_plot(comparison),
        overview=views.overview(runs),
        seeds=views.groups_table(comparison.groups) if seeds else None,
        spec_differences=views.settings_table("Settings of the spec", comparison.spec, labels),
        recipe_differences=views.settings_table("Settings of the recipe", comparison.recipe, labels),
        block_differences=[views.blocks_table(group, comparison.groups[0].label) for group in changed],
    )


def _render(title: str, runs: Sequence[RunData], drawn: Sequence[Line], **parts: Any) -> str:
    several = len(runs) > 1
    examined = [_examined(index, facts) for index, facts in enumerate(runs)]
    looked = [(line, each.found) for line, each in zip(drawn, examined, strict=True)
              if isinstance(each.found, Evaluation)]  # fmt: skip
    script, library = _asset("page.js"), get_plotlyjs()
    context = {
        "title": title,
        "runs": runs,
        "several": several,
        "states": [views.state(facts) for facts in runs],
        "notices": [list(views.notices(facts)) for facts in runs],
        "curves": list(curves(drawn)),
        "examined": examined,
        "accuracies": accuracies(looked),
        "flow": list(flow_plots(drawn)),
        "norms": norm_plot(drawn),
        "has_norms": any(batch_norms(facts.plan) for facts in runs),
        "throughput": list(throughput(drawn)),
        "environment": list(views.environment_tables(runs)),
        "made": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        "version": __version__,
        "style": _asset("style.css"),
        "script": script,
        "library": library,
        "policy": _policy(script, library),
        **parts,
    }
    html = _environment().get_template("page.html").render(context)
    return html.encode("utf-8", "backslashreplace").decode("utf-8")  # names of files need not be text


def _examined(index: int, facts: RunData) -> EvaluationSection:
    found = facts.examination
    if isinstance(found, NotEvaluated):
        return EvaluationSection(facts, found, None, None)
    pairs = views.pairs_table(found) if found.confused_pairs else None
    return EvaluationSection(facts, found, confusion(found, f"confusion-{index}"), pairs)


def _policy(*scripts: str) -> str:
    """A Content-Security-Policy that runs these scripts alone, and lets the page fetch nothing from anywhere."""
    hashes = " ".join(
        f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'" for script in scripts
    )
    return (
        f"default-src 'none'; script-src {hashes}; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; "
        "form-action 'none'"
    )


@cache
def _asset(name: str) -> str:
    return (files("kresnet.report") / "templates" / name).read_text(encoding="utf-8")


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("kresnet.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"shape": shape_text, "amount": with_unit_prefix, "figure": _figure}
    return environment


def _figure(plot: Plot) -> Any:
    """What Plotly draws, as plain values for the `tojson` filter, which lets no `<` through."""
    values = json.loads(plot.figure.to_json(engine="json"))
    values["layout"].pop("template", None)  # Plotly's own colours; the page has its reader's
    return values


__all__ = ["compare_page", "report_page"]
