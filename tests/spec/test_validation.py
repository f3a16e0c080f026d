"""Each kind of problem: its code, path, place, and the nearest valid name. All of them at once."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from kresnet.errors import KresnetError
from kresnet.spec.architecture import Spec
from kresnet.spec.document import parse_document
from kresnet.spec.loading import load_spec
from kresnet.spec.validation import list_problems, validate

VALID = """\
name: small
input: {shape: [32, 32, 3]}
stem: {kind: conv, width: 16, kernel: 3, stride: 1}
block: {kind: basic}
stages:
  - {blocks: 1, width: 16}
  - {blocks: 1, width: 32, stride: 2}
head: {classes: 10}
"""


def problems(old: str = "", new: str = "", text: str = VALID):
    assert old in text
    with pytest.raises(KresnetError) as caught:
        validate(Spec, parse_document(text.replace(old, new), "s.yaml"))
    return caught.value.problems


# What stands in VALID, what is written instead, and the problem: code, path, line, column, nearest valid name.
CASES = [
    ("stride: 2", "strid: 2", "unknown_field", "stages.1.strid", 7, 28, "stride"),
    ("kind: basic", "kind: bottelneck", "wrong_value", "block", 4, 1, "bottleneck"),
    ("kind: basic", "kind: basic, order: preactivation", "wrong_value", "block.order", 4, 22, "full_preactivation"),
    ("width: 16, kernel", "width: wide, kernel", "wrong_type", "stem.width", 3, 20, ""),
    ("width: 16, kernel", "width: 16.5, kernel", "wrong_type", "stem.width", 3, 20, ""),
    ("width: 16, kernel", "width: true, kernel", "wrong_type", "stem.width", 3, 20, ""),
    ("stride: 2", "stride: 0", "out_of_range", "stages.1.stride", 7, 28, ""),
    ("blocks: 1, width: 16", "blocks: 0, width: 16", "out_of_range", "stages.0.blocks", 6, 6, ""),
    ("head: {classes: 10}", "head: {}", "missing_field", "head.classes", 8, 1, ""),
    ("block: {kind: basic}\n", "", "missing_field", "block", 1, 1, ""),
    ("block: {kind: basic}", "block: {}", "missing_field", "block", 4, 1, ""),
    ("[32, 32, 3]", "[32, x, 3]", "wrong_type", "input.shape.1", 2, 21, ""),
    ("[32, 32, 3]", "thirty-two", "wrong_type", "input.shape", 2, 9, ""),
    ("name: small", "name: ../small", "out_of_range", "name", 1, 1, ""),
    ("{classes: 10}", "{classes: 10, dropout: .nan}", "out_of_range", "head.dropout", 8, 21, ""),
    ("{classes: 10}", "{classes: 10, dropout: .inf}", "out_of_range", "head.dropout", 8, 21, ""),
    ("{classes: 10}", "[10]", "wrong_type", "head", 8, 1, ""),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "code", "path", "line", "column", "near"), CASES)
def test_problems(old, new, code, path, line, column, near):
    (problem,) = problems(old, new)
    assert (problem.code, problem.path) == (code, path)
    assert (problem.place.file, problem.place.line, problem.place.column) == ("s.yaml", line, column)
    assert problem.nearest == near
    assert problem.message


@pytest.mark.parametrize(("old", "new"), [case[:2] for case in CASES])
def test_nothing_depends_on_the_words_of_pydantic(old, new):
    source = parse_document(VALID.replace(old, new), "s.yaml")
    with pytest.raises(ValidationError) as caught:
        Spec.model_validate(source.values)
    details = caught.value.errors(include_url=False)
    for detail in details:
        detail["msg"] = "Bitte geben Sie 'etwas' anderes ein"
        if detail["type"] == "literal_error":
            detail["ctx"] = {"expected": "'eines' oder 'keines'"}
    assert list_problems(Spec, source, details) == list(problems(old, new))


# What a user reads of an error that pydantic found: what is written in VALID instead, and what was expected.
EXPECTED = [
    ("kind: basic", "kind: basic, zero_init_last: 1", "a boolean"),
    ("kind: basic", "kind: basic, shortcut: skip", "none, identity, identity_pad, projection or projection_all"),
    ("name: small", "name: small\noutput_stride: 5", "4, 8, 16 or 32"),
    ("name: small", f"name: {'x' * 65}", "String should have at most 64 characters"),
    (
        "name: small",
        "name: ../small",
        "letters A to Z, digits, hyphens, dots and underscores, with a letter or a digit first",
    ),
    ("stride: 2", "stride: 0", "greater than or equal to 1"),
    ("width: 32", "width: 100000", "less than or equal to 65536"),
    ("classes: 10", "classes: 10, dropout: 1.0", "less than 1"),
    ("classes: 10", "classes: 10, dropout: .inf", "a finite number"),
    ("[32, 32, 3]", "[]", "Tuple should have at least 1 item after validation, not 0"),
    ("[32, 32, 3]", "[32, 32, 3, 1]", "Tuple should have at most 3 items after validation, not 4"),
    ("{classes: 10}", "[10]", "a mapping"),
]


@pytest.mark.parametrize(("old", "new", "expected"), EXPECTED)
def test_what_was_expected(old, new, expected):
    (problem,) = problems(old, new)
    assert problem.expected == expected


def test_a_document_that_is_no_mapping():
    (problem,) = problems(VALID, "- 1\n- 2\n")
    assert (problem.code, problem.message) == ("wrong_type", "The document is not a mapping.")


def test_all_problems_at_once_in_the_order_of_the_file():
    text = (
        VALID.replace("kernel: 3", "kernl: 3").replace("width: 32", "width: -1").replace("classes: 10", "classes: ten")
    )
    found = problems(text=text)
    assert [(problem.code, problem.path) for problem in found] == [
        ("unknown_field", "stem.kernl"),
        ("out_of_range", "stages.1.width"),
        ("wrong_type", "head.classes"),
    ]


def test_a_field_of_another_kind_says_whose_it_is():
    (problem,) = problems("kind: basic", "kind: basic, expansion: 4")
    assert problem.code == "unknown_field"
    assert problem.remedy.startswith("`expansion` belongs to kind: bottleneck")


def test_a_wrong_default_of_all_stages_is_told_once_where_it_stands():
    (problem,) = problems("kind: basic", "kind: basic, dropout: 2.0")
    assert (problem.path, problem.place.line) == ("block.dropout", 4)


def test_a_wrong_norm_of_the_network_is_told_once_where_it_stands():
    (problem,) = problems("name: small", "name: small\nnorm: {kind: batch, momentum: 3.0}")
    assert (problem.path, problem.place.line) == ("norm.momentum", 2)


def test_a_setting_of_recipes_in_a_spec_is_sent_where_it_belongs():
    with pytest.raises(KresnetError) as caught:
        load_spec("resnet18", ["epochs=3"])
    (problem,) = caught.value.problems
    assert problem.code == "unknown_field"
    assert problem.remedy == "`epochs` is a setting of recipes: override it as recipe.epochs"


@pytest.mark.parametrize(
    ("override", "remedy"),
    [
        ("name=2024", "quote it: --set 'name=\"2024\"'"),
        ("name=true", "quote it: --set 'name=\"true\"'"),
        ("name=", ""),
    ],
)
def test_a_text_that_yaml_takes_for_something_else_is_to_be_quoted(override, remedy):
    with pytest.raises(KresnetError) as caught:
        load_spec("quickstart", [override])
    (problem,) = caught.value.problems
    assert (problem.code, problem.remedy) == ("wrong_type", remedy)


def test_a_name_that_is_a_number_is_to_be_quoted_in_a_document():
    (problem,) = problems("name: small", "name: 2024")
    assert problem.remedy == 'quote it: name: "2024"'
    assert (
        Spec.model_validate(parse_document(VALID.replace("name: small", 'name: "2024"'), "s.yaml").values).name
        == "2024"
    )
