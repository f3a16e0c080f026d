"""Columns of a table, whatever its format, and the lines that rows stand in."""

import pytest

from kresnet.data.tables.table_file import TableFile, require_columns, text_of
from kresnet.errors import KresnetError
from tests.data.written_tables import write_table

ROWS = [
    {"image": "a.png", "label": "01", "age": "3", "note": "x, y"},
    {"image": "b.png", "label": "NA", "age": "4.5", "note": "two\nlines"},
    {"image": "c.png", "label": "ä", "age": "-1e2", "note": ""},
]


def problems_of(call):
    with pytest.raises(KresnetError) as caught:
        call()
    return caught.value.problems


@pytest.mark.parametrize("name", ["t.csv", "t.TSV", "t.jsonl", "t.parquet", "t.csv.gz"])
def test_every_format_gives_the_same_columns(tmp_path, name):
    file = TableFile(write_table(tmp_path / name.lower(), ROWS))
    assert file.column_names() == ["image", "label", "age", "note"]
    columns = file.read(["image", "label"], ["age"])
    assert columns["label"].to_pylist() == ["01", "NA", "ä"]  # neither a number nor nothing
    ages = columns["age"] if str(columns["age"].type) == "double" else columns["age"].cast("double")
    assert ages.to_pylist() == [3.0, 4.5, -100.0]
    assert file.head(2)["label"] == ["01", "NA"]
    lines = [place.line for place in file.places([0, 1, 2]).values()]
    assert lines == {".jsonl": [1, 2, 3], ".parquet": [None] * 3}.get(file.path.suffix, [2, 3, 5])


@pytest.mark.parametrize("delimiter", [";", "\t", "|"])
def test_a_csv_file_tells_its_own_delimiter(tmp_path, delimiter):
    (tmp_path / "t.csv").write_text("\ufeff" + delimiter.join(["image", "label"]) + "\n" + delimiter.join("ab") + "\n")
    file = TableFile(tmp_path / "t.csv")
    assert file.column_names() == ["image", "label"]
    assert file.read(["image", "label"], [])["label"].to_pylist() == ["b"]


def test_a_column_of_numbers_in_which_something_else_stands_comes_as_text(tmp_path):
    (tmp_path / "t.csv").write_text("a,b,c\n1,2,3\nx,,4\n")
    columns = TableFile(tmp_path / "t.csv").read([], ["a", "b", "c"])
    assert [columns[name].to_pylist() for name in "ab"] == [["1", "x"], ["2", ""]]
    assert [text_of(columns["b"], row) for row in (0, 1)] == ["2", "nothing"]


def test_lists_stay_lists_of_text(tmp_path):
    rows = [{"tags": ["a", "b"]}, {"tags": []}, {"tags": None}]
    for name in ("t.jsonl", "t.parquet"):
        column = TableFile(write_table(tmp_path / name, rows)).read(["tags"], [])["tags"]
        assert column.to_pylist() == [["a", "b"], [], None]


def test_lines_that_cannot_be_read_are_all_named(tmp_path):
    (tmp_path / "t.csv").write_text("a,b\n1,2\n1\n\n1,2,3\n")
    found = problems_of(lambda: TableFile(tmp_path / "t.csv").read(["a"], []))
    assert [(problem.place.line, problem.message) for problem in found] == [
        (3, "The row has 1 cells, and the header 2."),
        (5, "The row has 3 cells, and the header 2."),
    ]
    (tmp_path / "t.jsonl").write_text('{"a": 1}\n{"a": \n[1]\n{"a": "x"}\n')
    found = problems_of(lambda: TableFile(tmp_path / "t.jsonl").read(["a"], []))
    assert [problem.place.line for problem in found] == [2, 3]


def test_a_value_of_another_type_than_most_is_named(tmp_path):
    (tmp_path / "t.jsonl").write_text('{"a": "cat"}\n{"a": 3}\n{"a": "dog"}\n{"a": null}\n{"a": true}\n')
    found = problems_of(lambda: TableFile(tmp_path / "t.jsonl").read(["a"], []))
    assert [(problem.place.line, problem.expected, problem.found) for problem in found] == [
        (2, "text", "3"),
        (5, "text", "true"),
    ]


@pytest.mark.parametrize(
    ("name", "content", "code", "says"),
    [
        ("none.csv", None, "data_missing", "no file"),
        ("table.xlsx", b"x", "data_mismatch", "no table by its ending"),
        ("table.parquet", b"PAR1 and no more", "data_mismatch", "cannot be read as parquet"),
        ("latin.csv", "label\nk\xe4t\n".encode("latin-1"), "data_mismatch", "not UTF-8"),
        ("table.csv.gz", b"no gzip", "data_mismatch", "cannot be read as csv"),
    ],
)
def test_what_is_no_table_is_told(tmp_path, name, content, code, says):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    (problem,) = problems_of(lambda: TableFile(tmp_path / name).read(["label"], []))
    assert problem.code == code
    assert says in problem.message


def test_columns_that_are_missing_or_there_twice_are_told_together(tmp_path):
    (tmp_path / "t.csv").write_text("image,image,labl\n")
    wanted = {"image": "image", "label": "label", "labl": "group"}
    found = problems_of(lambda: require_columns(TableFile(tmp_path / "t.csv"), wanted))
    assert [(problem.path, problem.nearest) for problem in found] == [
        ("recipe.data.image", ""),
        ("recipe.data.label", "labl"),
    ]
