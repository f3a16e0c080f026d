from kresnet.api.table import ENDS, SHOWN, Table

ROWS = [
    {"name": "a<b", "test": {"loss": 0.123456, "ok": True}, "n": 1000},
    {"name": "b", "test": {"loss": 2.0}, "n": 5},
]


def test_a_table_is_a_list_of_its_rows():
    assert Table(ROWS) == ROWS
    assert Table(ROWS)[1]["n"] == 5


def test_columns_are_named_by_their_paths_and_leave_out_rows_without_them():
    assert Table(ROWS).column("test.loss") == [0.123456, 2.0]
    assert Table(ROWS).column("test.ok") == [True]
    assert Table(ROWS).column("nothing") == []


def test_it_prints_with_figures_to_the_right():
    assert str(Table(ROWS, ("name", "test.loss", "n"))).splitlines() == [
        "name  test.loss      n",
        "──────────────────────",
        "a<b      0.1235  1,000",
        "b             2      5",
    ]


def test_a_notebook_shows_it_escaped():
    html = Table(ROWS)._repr_html_()
    assert "a&lt;b" in html
    assert html.count("<tr>") == 3
    assert "test.ok" in html


def test_a_long_one_is_cut_in_the_middle_and_keeps_its_rows():
    table = Table({"n": number} for number in range(SHOWN + 1))
    lines = str(table).splitlines()
    assert len(lines) == 2 + 2 * ENDS + 1
    assert f"… {SHOWN + 1 - 2 * ENDS} more" in lines[2 + ENDS]
    assert len(table) == SHOWN + 1


def test_an_empty_one_is_no_error():
    assert Table([])._repr_html_().startswith("<table>")
    assert str(Table([], ("name",))).splitlines()[0] == "name"
