"""Values and their places, and every document that is refused."""

from __future__ import annotations

import pytest

from kresnet.errors import KresnetError
from kresnet.spec.document import parse_document
from kresnet.spec.yaml_reader import MAX_DEPTH


def problems(text: str, name: str = "x.yaml"):
    with pytest.raises(KresnetError) as caught:
        parse_document(text, name)
    return caught.value.problems


def test_every_value_knows_where_it_stands():
    source = parse_document("name: a\nstages:\n  - {blocks: 3, width: 64}\n  - blocks: 4\n    width: 128\n", "x.yaml")
    assert source.values == {"name": "a", "stages": [{"blocks": 3, "width": 64}, {"blocks": 4, "width": 128}]}
    assert str(source.place(("stages", 0, "width"))) == "x.yaml:3:17"
    assert str(source.place(("stages", 1, "width"))) == "x.yaml:5:5"
    assert str(source.place(("stages", 1, "stride"))) == "x.yaml:4:5", "what is not stated: its nearest ancestor"


# What YAML 1.1 made of these, and what they are here.
SCALARS = {
    "no": "no", "on": "on", "yes": "yes", "2001-01-01": "2001-01-01", "1:30": "1:30", "012": 12, "0x1F": 31, "0o17": 15,
    "1_000": 1000, "1e3": 1000.0, "1.5": 1.5, "-.5": -0.5, "~": None, "null": None, "true": True, "False": False,
    '"1"': "1", "'true'": "true", "resnet50": "resnet50", "3x3": "3x3", "1.2.3": "1.2.3",
}  # fmt: skip


@pytest.mark.parametrize("text", SCALARS)
def test_scalars_are_those_of_yaml_1_2(text):
    value = parse_document(f"a: {text}", "x.yaml").values["a"]
    assert value == SCALARS[text]
    assert type(value) is type(SCALARS[text])


def test_all_duplicates_are_reported_with_the_line_of_the_first():
    found = problems("name: a\nb: 1\nname: c\nd: {e: 1, e: 2}\n")
    assert [(problem.code, str(problem.place)) for problem in found] == [
        ("duplicate_key", "x.yaml:3:1"),
        ("duplicate_key", "x.yaml:4:11"),
    ]
    assert "line 1" in found[0].message


REFUSED = {
    "a: [1, 2": "syntax",
    "a: b: c": "syntax",
    "\ta: 1": "syntax",
    "": "syntax",
    "# only a comment": "syntax",
    "a: &x 1\nb: *x": "syntax",
    "a: !!python/object/apply:os.system [ls]": "syntax",
    "a: !custom 1": "syntax",
    "? [1, 2]\n: 3": "syntax",
    "a: 1\n---\nb: 2": "syntax",
    "a: " + "9" * 100: "syntax",
    "a: " + "x" * 5000: "syntax",
    "[" * (MAX_DEPTH + 5) + "]" * (MAX_DEPTH + 5): "syntax",
    "[" * 5000 + "]" * 5000: "syntax",
    "{" * 3000: "syntax",
}


@pytest.mark.parametrize("text", REFUSED, ids=lambda text: repr(text[:20]))
def test_what_is_not_a_plain_document_is_refused(text):
    assert {problem.code for problem in problems(text)} == {REFUSED[text]}


def test_billions_of_laughs_are_not_heard():
    lines = ["a0: &a0 [x, x]"] + [f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]" for n in range(1, 30)]
    assert "Aliases" in problems("\n".join(lines))[0].message
