"""Plans, differences and runs as tables for a terminal; imported, with rich, only when a table is printed."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from kresnet.cli.table_layout import fitting_table
from kresnet.plan.diff import PlanDifference
from kresnet.plan.records import Plan
from kresnet.plan.render import block_cells
from kresnet.plan.summary import PublishedComparison, shape_text, summary_rows, with_unit_prefix

if TYPE_CHECKING:
    from kresnet.api.scaling import ScaledNetwork
    from kresnet.diagnostics.explain import Explanation
    from kresnet.plan.budget import BudgetComparison

#: Columns that the plan's table needs to show words and figures side by side, and that the figures take of them.
_WIDE, _FIGURES = 116, 49

#: The fewest columns that words can do with.
_WORDS = 20


def plan_table(plan: Plan, width: int = _WIDE) -> Table:
    """Return a table of a network's stages and blocks.

    On a narrow terminal the words stand below the part that they describe.
    """
    figures = ("output", "parameters", "MACs")
    if width >= _WIDE:
        table = fitting_table("part", "layers", "shortcut", *figures, right=figures[1:], wraps=("layers", "shortcut"))
    else:
        table = fitting_table("part", *figures, right=figures[1:])
    for row in summary_rows(plan):
        part = "  " * row.level + row.part
        words: tuple[str, ...] = (row.layers, row.shortcut)
        if width < _WIDE:
            description = ", ".join(filter(None, words)) if row.level or not row.blocks else ""
            room = width - _FIGURES if width >= _FIGURES + _WORDS else width
            part, words = "\n".join([part, *_wrap_at_commas(description, room, "  " * row.level)]), ()
        cells = (f"{row.parameters:,}" if row.parameters else "", with_unit_prefix(row.macs) if row.macs else "")
        table.add_row(part, *words, shape_text(row.shape), *cells, style="dim" if row.level else "")
    return table


def _wrap_at_commas(text: str, width: int, indent: str) -> list[str]:
    """Break a text into indented lines of at most `width` characters, only after commas."""
    kept = text.replace(" ", "\N{NO-BREAK SPACE}").replace(",\N{NO-BREAK SPACE}", ", ")
    lines = textwrap.wrap(
        kept, max(width, _WORDS), initial_indent=indent + "  ", subsequent_indent=indent + "  ", break_on_hyphens=False
    )
    return [line.replace("\N{NO-BREAK SPACE}", " ") for line in lines]


def print_plan(plan: Plan, out: Console) -> None:
    """Print a network's title, table and totals on `out`."""
    for renderable in (plan_title(plan), plan_table(plan, out.width), "", plan_totals(plan)):
        out.print(renderable)


def plan_totals(plan: Plan) -> Text:
    """Return the footer of a plan: `25,557,032 trainable + 53,120 non-trainable = ...`."""
    total = plan.trainable + plan.non_trainable
    parts = [
        f"{plan.trainable:,} trainable + {plan.non_trainable:,} non-trainable = {total:,} parameters",
        f"{plan.macs:,} MACs ({with_unit_prefix(plan.macs)})",
        f"{plan.weighted_layers} weighted layers",
    ]
    return Text("\n".join(parts), style="bold")


def plan_title(plan: Plan) -> Text:
    """Return the network's name and its source."""
    text = Text(plan.name, style="bold")
    return text.append(f"  {plan.about['source']}", style="not bold dim") if plan.about.get("source") else text


def published_table(comparisons: Iterable[PublishedComparison]) -> Table:
    """Return a table of the figures that one source publishes beside the plan's."""
    table = fitting_table("figure", "published", "plan", "difference", "tolerance", "",
                          right=("published", "plan", "difference", "tolerance"))  # fmt: skip
    for each in comparisons:
        quantity = each.quantity.replace("_", " ").replace("macs", "MACs")
        difference, tolerance = (
            f"{value:{sign}.2%}" if value else "0" for value, sign in ((each.difference, "+"), (each.tolerance, ""))
        )
        verdict = "agrees" if each.agrees else "differs"
        table.add_row(quantity, f"{each.published:,.10g}", f"{each.planned:,}", difference, tolerance, verdict)
    return table


def specs_table(entries: Iterable[dict[str, Any]]) -> Table:
    """Return a table of the shipped specs."""
    table = fitting_table(
        "name", "depth", "parameters", "MACs", "source", right=("depth", "parameters", "MACs"), wraps=("source",)
    )
    for entry in entries:
        total = entry["parameters"]["total"]
        table.add_row(
            entry["name"],
            str(entry["weighted_layers"]),
            f"{total:,}",
            with_unit_prefix(entry["macs"]),
            entry["source"] or "",
        )
    return table


def setting_differences_table(difference: PlanDifference) -> Table:
    """Return a table of the settings that differ between two networks."""
    table = fitting_table("setting", difference.a.name, difference.b.name, wraps=(difference.a.name, difference.b.name))
    for change in difference.settings:
        table.add_row(change.path, change.text("a"), change.text("b"))
    return table


def block_differences_table(difference: PlanDifference) -> Table:
    """Return a table of what differs part by part; blocks that differ alike share a row."""
    columns, rows = block_cells(difference)
    table = fitting_table(*columns, right=("parameters", "MACs"), wraps=("what differs", "output"))
    for row in rows:
        table.add_row(*row)
    return table


def difference_parts(difference: PlanDifference) -> list[Table | Text | str]:
    """Return what `kresnet diff` prints of two networks: settings, blocks and totals, with blank lines between."""
    parts: list[Table | Text | str] = [setting_differences_table(difference), ""] if difference.settings else []
    parts += [block_differences_table(difference), ""] if difference.blocks else []
    return [*parts, difference_totals(difference)]


def difference_totals(difference: PlanDifference) -> Text:
    """Return how two networks differ in parameters, MACs and layers."""
    return Text("\n".join(difference.cost_lines()), style="bold")


def scaling_table(scaled: ScaledNetwork) -> Table:
    """Return a table of a scaled network: settings and costs before and after, and the budget."""
    columns, rows = scaled.table()
    table = fitting_table(*columns, right=columns[1:])
    for row in rows:
        table.add_row(*row)
    return table


def budget_table(comparisons: Iterable[BudgetComparison]) -> Table:
    """Return a table of what a network costs beside a budget."""
    from kresnet.plan.memory_estimate import bytes_text  # here: it imports recipes, which a plan needs not

    table = fitting_table("quantity", "budget", "network", "used", "", right=("budget", "network", "used"))
    for each in comparisons:
        amounts = (each.limit, each.cost, abs(each.limit - each.cost))
        limit, cost, rest = map(bytes_text if each.quantity == "memory" else "{:,}".format, amounts)
        verdict = f"{rest} {'left' if each.within else 'too many'}"
        table.add_row(each.quantity.replace("macs", "MACs"), limit, cost, f"{each.share:.1%}", verdict)
    return table


def runs_table(runs: Iterable[dict[str, Any]]) -> Table:
    """Return a table of runs, each given as `RunStatus.as_dict()`: state, progress, best epoch."""
    table = fitting_table("run", "state", "steps", "", "best", "epoch", right=("steps", "", "epoch"), wraps=("run",))
    for run in runs:
        state = f"{run['state']} ({run['reason']})" if run["reason"] else run["state"]
        step, steps, value = run["step"], run["steps"], run["best"]
        progress = (f"{step:,} of {steps:,}", f"{step / steps:.0%}") if steps else ("", "")
        best = ("", "")
        if value is not None:
            best = (f"{run['split']} {run['metric']} {value:.4f}", str(run["best_epoch"]))
        table.add_row(run["name"], state, *progress, *best)
    return table


def cams_table(explanation: Explanation) -> Table:
    """Return a table of the class activation maps of each image: size, largest value, and where that is."""
    table = fitting_table(
        "image", "class", "probability", "map of", "size", "at most", "at row, column",
        right=("probability", "size", "at most", "at row, column"), wraps=("image", "class", "map of"),
    )  # fmt: skip
    for image in explanation.images:
        for cam in image.cams:
            size, peak = "×".join(map(str, cam.map.shape)), ", ".join(map(str, cam.peak or ()))
            table.add_row(
                str(image.name), cam.label, f"{cam.probability:.4f}", cam.record, size, f"{cam.map.max():.3g}", peak
            )
    return table


def weights_table(entries: Iterable[dict[str, Any]]) -> Table:
    """Return a table of weights by name: parameters, sides of training's and measuring's images, classes, licence."""
    table = fitting_table(
        "name", "parameters", "input", "measured at", "classes", "licence",
        right=("parameters", "input", "measured at", "classes"), wraps=("name",),
    )  # fmt: skip
    for entry in entries:
        parameters = f"{entry['parameters']:,}" if entry["parameters"] else ""
        figures = (str(entry[name]) for name in ("input", "test_input", "classes"))
        table.add_row(entry["name"], parameters, *figures, entry["licence"] or "not stated")
    return table


def kernel_environment_text(environment: Mapping[str, Any]) -> Text:
    """Return what measured kernels hold for: a processor by name and units, threads, TensorFlow, oneDNN's switches."""
    here = dict(environment)
    processor, units = here.pop("processor", "a processor"), here.pop("units", ())
    named = f"{processor} ({', '.join(units)})" if units else processor
    facts = [f"{here.pop('threads', '?')} threads", f"TensorFlow {here.pop('tensorflow', '?')}"]
    return Text(", ".join([named, *facts, *(f"{name}={value}" for name, value in here.items())]), style="bold")


def kernels_table(entries: Iterable[dict[str, Any]]) -> Table:
    """Return a table of measured convolutions: how each pass is computed, and how fast beside the stock kernel."""
    table = fitting_table("convolution", "forward", "by input", "by weights", wraps=("convolution",))
    for entry in entries:
        cells = []
        for name in ("forward", "by_input", "by_weights"):
            times, way = entry["milliseconds"].get(name, {}), entry[name]
            gained = f", {times['stock'] / times[way]:.1f} ×" if way != "stock" and times.get(way) else ""
            cells.append(way + gained)
        table.add_row(entry["convolution"], *cells)
    return table
