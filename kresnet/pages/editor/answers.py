"""What the page says of a document with a text, as pieces of HTML and figures: the plan, changes, other networks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kresnet.api.network import Network, diff
from kresnet.errors import KresnetError, Problem
from kresnet.pages.editor.document_file import DocumentFile, load_network, other_network
from kresnet.pages.editor.equivalent_command import command
from kresnet.pages.editor.layer_table import HEAD, WORDS, layer_rows
from kresnet.pages.editor.recipe_curves import images_in_reach
from kresnet.pages.rendering import render
from kresnet.plan.diff import PlanDifference
from kresnet.plan.memory_estimate import bytes_text, estimate_memory
from kresnet.plan.render import block_cells, plan_line
from kresnet.report.network_tree import network_stages
from kresnet.report.plots import PlotTable
from kresnet.study.study_plan import plan_study


def problem_values(file: DocumentFile, error: KresnetError) -> list[dict[str, Any]]:
    """Return problems as values; `here` says whether the place is in the document itself."""
    return [_with_place(file, problem) for problem in error.problems]


def describe_spec(file: DocumentFile, text: str, view: str, batch_size: int, precision: str) -> dict[str, Any]:
    """Return what the page says of a spec: its network drawn or, as `view` says, its parts in a table and its memory.

    Raises:
        KresnetError: all problems of the spec at once.
    """
    network = load_network(file, text)
    plan = network.plan()
    found = {"line": plan_line(plan), "command": command("plan", file, network.loaded)}
    if view != "layers":
        return found | {"network": render("network.html", network=_section(network))}
    memory, rows = estimate_memory(plan, batch_size, precision=precision), layer_rows(plan, batch_size, precision)
    caption = f"For a batch of {batch_size} in {precision}; the rows of stages, stem and head add up to the network"
    return found | {
        "memory": f"about {bytes_text(memory.total)} in a training step of {batch_size} images: {memory}",
        "layers": render("table.html", table=PlotTable(caption, HEAD, tuple(rows), words=WORDS)),
    }


def describe_changes(file: DocumentFile, text: str, against: str) -> dict[str, Any]:
    """Return how the network differs from the saved one, or from another that is named: settings, blocks, costs.

    Raises:
        KresnetError: all problems of either spec at once.
    """
    network = load_network(file, text)
    if against:
        other, shown = other_network(file, against), f"kresnet diff {against} {file.words()}"
        words = command("diff", file, network.loaded, [against, file.words()], "--set-b")
        words = words.replace(f"diff {file.words()} {against} {file.words()}", f"diff {against} {file.words()}")
    else:
        other, shown = Network(file.load_saved()), ""
        words = command("diff", file, network.loaded, [file.words()], "--set-b")
    return {
        "changes": render("changes.html", **_difference(diff(other, network)), against=against or "the saved document"),
        "command": words or shown,
    }


def describe_both(file: DocumentFile, text: str, against: str) -> dict[str, Any]:
    """Return the network and another one side by side.

    Raises:
        KresnetError: all problems of either spec at once.
    """
    other, network = other_network(file, against), load_network(file, text)
    both = [_section(other), _section(network)]
    return {"both": render("compare.html", networks=both), **describe_changes(file, text, against)}


def describe_study(file: DocumentFile, text: str) -> dict[str, Any]:
    """Return what a study would train, variant by variant.

    Raises:
        KresnetError: all problems of the study, and of the networks and recipes that it names, at once.
    """
    loaded = file.load(text)
    planned = plan_study(loaded, count_images=lambda data: images_in_reach(data, file.folder))
    heads, rows, figures = planned.table_cells()
    runs = len(planned.runs())
    caption = f"{planned.study.question}: {len(rows)} variants, {runs} runs"
    table = PlotTable(caption, tuple(heads), tuple(map(tuple, rows)), words=len(heads) - len(figures))
    return {
        "line": f"{planned.name}: {len(rows)} variants, {len(planned.seeds)} seeds, {runs} runs",
        "variants": render("table.html", table=table),
        "command": command("study", file, loaded, ["--dry-run"]),
        "plan": planned,
    }


def _difference(difference: PlanDifference) -> Mapping[str, Any]:
    names = ("setting", "before", "now")
    settings = tuple((each.path, each.text("a"), each.text("b")) for each in difference.settings)
    head, rows = block_cells(difference)
    return {
        "identical": difference.identical,
        "costs": difference.cost_lines(),
        "settings": PlotTable("Settings that differ", names, settings, words=3) if settings else None,
        "blocks": PlotTable("Parts that differ", tuple(head), tuple(map(tuple, rows)), words=3) if rows else None,
    }


def _section(network: Network) -> dict[str, Any]:
    """Return what the report's macro of a network reads."""
    plan = network.plan()
    return {"title": network.name, "run": {"plan": plan}, "stages": network_stages(plan, network.spec)}


def _with_place(file: DocumentFile, problem: Problem) -> dict[str, Any]:
    here = problem.place is not None and problem.place.file == str(file.path) and problem.place.line is not None
    return problem.as_dict() | {"here": here, "text": str(problem)}


__all__ = ["describe_both", "describe_changes", "describe_spec", "describe_study", "problem_values"]
