"""Templates of pages use the report's macros, and escape what they are given."""

from kresnet.pages.rendering import render
from kresnet.report.plots import PlotTable


def test_a_table_is_the_reports_and_its_cells_are_text():
    html = render("table.html", table=PlotTable("a <b>", ("name", "number"), (("<i>", "3"),)))
    assert "a &lt;b&gt;" in html
    assert "&lt;i&gt;" in html
    assert '<td class="figure">3</td>' in html
