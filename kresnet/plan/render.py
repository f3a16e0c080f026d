"""How plans and their differences show themselves in Python: a line, text, and in a notebook a table and the diagram.

What others wrote (names, sources) is escaped. No colour is set: a notebook's own, light or dark, show through. The
drawing is an image of its own, so that neither its style reaches the notebook nor the notebook's the drawing.
"""

from __future__ import annotations

import base64
from html import escape

from kresnet.plan.diff import PlanDifference, describe_place
from kresnet.plan.formatters import format_html, format_line, format_text
from kresnet.plan.records import Plan
from kresnet.plan.summary import SummaryRow, shape_text, signed_number, summary_rows, with_unit_prefix
from kresnet.plan.tables import Cells, html_table, text_table

_COLUMNS = ("part", "layers", "shortcut", "output", "parameters", "MACs")
_RIGHT = ("parameters", "MACs")


@format_line.register
def plan_line(plan: Plan) -> str:
    """Return a plan in one line: `resnet50: 25,610,152 parameters, 4.089 G MACs, 50 weighted layers`."""
    total = plan.trainable + plan.non_trainable
    return (
        f"{plan.name}: {total:,} parameters, {with_unit_prefix(plan.macs)} MACs, {plan.weighted_layers} weighted layers"
    )


@format_text.register
def plan_text(plan: Plan) -> str:
    """Return a plan as a text table by stage and block."""
    return (
        text_table(_COLUMNS, [_cells(row, "  " * row.level) for row in summary_rows(plan)], _RIGHT)
        + f"\n{plan_line(plan)}"
    )


@format_html.register
def plan_html(plan: Plan) -> str:
    """Return a plan as an HTML table by stage and block, with a drawing."""
    table_rows = summary_rows(plan)
    table = html_table(
        _COLUMNS,
        [_cells(row, "\N{EM SPACE}" * 2 * row.level) for row in table_rows],
        _RIGHT,
        strong=[index for index, row in enumerate(table_rows) if not row.level],
    )
    from kresnet.plan.diagram import draw_plan  # here: a terminal shows no drawing, and should not wait for it

    picture = base64.b64encode(draw_plan(plan).encode()).decode()
    source = f"<br>{escape(plan.about['source'])}" if plan.about.get("source") else ""
    return (
        f"<div><p><strong>{escape(plan_line(plan))}</strong>{source}</p>{table}"
        f'<img alt="{escape(plan.name)}, block by block" src="data:image/svg+xml;base64,{picture}"/></div>'
    )


@format_text.register
def difference_text(difference: PlanDifference) -> str:
    """Return as text the settings that differ between two networks, and what that costs."""
    return "\n".join([text_table(*_settings(difference)), *difference.cost_lines()])


@format_html.register
def difference_html(difference: PlanDifference) -> str:
    """Return as HTML the settings that differ between two networks, and what that costs."""
    costs = "<br>".join(map(escape, difference.cost_lines()))
    return f"<div>{html_table(*_settings(difference))}<p>{costs}</p></div>"


def block_cells(difference: PlanDifference) -> tuple[Cells, list[Cells]]:
    """Return the headers and rows of a table of sections that differ; blocks that differ alike share a row."""
    rows: list[Cells] = [
        (
            describe_place(blocks),
            "\n".join(blocks[0].change_lines()) if blocks[0].status == "changed" else blocks[0].status,
            blocks[0].shapes,
            signed_number(sum(block.parameters for block in blocks)),
            signed_number(sum(block.macs for block in blocks), short=True),
        )
        for blocks in difference.grouped_blocks()
    ]
    return ("part", "what differs", "output", "parameters", "MACs"), rows


def _settings(difference: PlanDifference) -> tuple[Cells, list[Cells]]:
    columns = ("setting", f"{difference.a.name} (a)", f"{difference.b.name} (b)")
    return columns, [(each.path, each.text("a"), each.text("b")) for each in difference.settings]


def _cells(row: SummaryRow, indent: str) -> Cells:
    figures = (f"{row.parameters:,}" if row.parameters else "", with_unit_prefix(row.macs) if row.macs else "")
    return (indent + row.part, row.layers, row.shortcut, shape_text(row.shape), *figures)


__all__ = ["block_cells", "difference_html", "difference_text", "plan_html", "plan_line", "plan_text"]
