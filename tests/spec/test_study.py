"""The study document: what it refuses, how forms combine, and how a grid becomes named variants."""

from __future__ import annotations

from itertools import product
from math import prod
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kresnet.errors import KresnetError
from kresnet.spec import library
from kresnet.spec.document import dump
from kresnet.spec.loading import load_study
from kresnet.spec.study import MAX_VARIANTS, Axis, Design, Study, Variant
from tests.strategies import examples

BASE: dict[str, Any] = {
    "name": "mine",
    "question": "Which?",
    "spec": "quickstart",
    "recipe": "quickstart",
    "variants": [{"name": "a"}, {"name": "b", "set": {"block.shortcut": "none"}}],
}


def problems(folder, document: dict[str, Any]) -> list[Any]:
    path = folder / "study.yaml"
    path.write_text(dump(document))
    with pytest.raises(KresnetError) as caught:
        load_study(str(path))
    return list(caught.value.problems)


GRID = [{"path": "block.order", "values": ["post_activation", "full_preactivation"]}]


@pytest.mark.parametrize(
    ("change", "code", "path"),
    [
        ({"variants": []}, "contradiction", "variants"),
        ({"variants": [{"name": "a"}, {"name": "a"}]}, "contradiction", "variants"),
        ({"variants": [{"name": "a/b"}]}, "out_of_range", "variants.0.name"),
        ({"variants": [{"name": "a", "epochs": 3}]}, "unknown_field", "variants.0.epochs"),
        ({"spec": None}, "contradiction", "spec"),
        ({"variants": [{"name": "a", "spec": "resnet18"}]}, "contradiction", "spec"),
        ({"variants": [{"name": "a", "recipe": "cifar_fast"}]}, "contradiction", "recipe"),
        ({"seeds": [1, 1]}, "contradiction", "seeds"),
        ({"seeds": [-1]}, "out_of_range", "seeds.0"),
        ({"seeds": []}, "out_of_range", "seeds"),
        ({"grid": [{"path": "a", "values": [[1], [2]]}]}, "contradiction", "grid.0.values"),
        ({"grid": [{"path": "a", "values": ["x y"]}]}, "contradiction", "grid.0.values"),
        ({"grid": [{"path": "a", "values": [1, 2], "names": ["one"]}]}, "contradiction", "grid.0.names"),
        ({"grid": [{"path": "a", "values": [1, 2], "names": ["one", "one"]}]}, "contradiction", "grid.0.names"),
        ({"grid": GRID, "set": {"block.order": "norm_after_add"}}, "contradiction", "set"),
        ({"grid": GRID + GRID}, "contradiction", "grid"),
        ({"grid": [*GRID, {"path": "block.order", "values": [1], "names": ["x"]}]}, "contradiction", "grid"),
        ({"grid": [{"path": path, "values": list(range(50))} for path in "abcd"]}, "contradiction", "grid"),
        ({"grid": [{"path": "a", "values": ["x" * 63]}]}, "contradiction", "grid"),
        ({"forms": [{"name": "quick"}, {"name": "quick"}]}, "contradiction", "forms"),
        ({"forms": [{"name": "quick"}, {"name": "long", "seeds": [3, 3]}]}, "contradiction", "forms.1.seeds"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_its_place(tmp_path, change, code, path):
    found = problems(tmp_path, BASE | change)
    assert [(each.code, each.path) for each in found] == [(code, path)]
    assert found[0].place.line


def test_a_problem_of_a_form_is_told_where_the_form_states_it(tmp_path):
    text = "extends: shortcuts\nname: mine\nforms:\n  - name: long\n    spec: quickstart\n    seeds: [3, 3]\n"
    path = tmp_path / "study.yaml"
    path.write_text(text)
    with pytest.raises(KresnetError, match=r"study.yaml:6:5: forms.0.seeds: The seeds have 3 twice"):
        load_study(str(path))


def test_a_form_is_merged_onto_the_study():
    study = Study.model_validate(
        BASE
        | {"set": {"recipe.epochs": 3, "recipe.batch_size": 8}, "seeds": [0, 1]}
        | {
            "forms": [
                {"name": "quick", "set": {"recipe.epochs": 1}},
                {"name": "long", "seeds": [4], "recipe": "cifar_fast"},
            ]
        }
    )
    quick, long = study.design(0), study.design(1)
    assert quick.set == {"recipe.epochs": 1, "recipe.batch_size": 8}
    assert (quick.seeds, quick.recipe) == ((0, 1), "quickstart")
    assert (long.seeds, long.recipe, long.set["recipe.epochs"]) == ((4,), "cifar_fast", 3)
    assert quick.variants == long.variants == study.variants


def test_a_study_extends_a_study(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text("extends: shortcuts\nname: mine\nforms: [{name: one, spec: quickstart, seeds: [7]}]\n")
    found = load_study(str(path)).value
    assert found.design().grid[0].labels() == ("none", "A", "B", "C")
    assert found.source is None, "what it says of itself is not inherited"


@pytest.mark.parametrize("name", library.shipped_names("studies"))
def test_the_shipped_ones_have_a_quick_form_and_the_papers(name):
    study = load_study(name).value
    assert study.name == name
    assert "arXiv" in study.source or "AISTATS" in study.source
    assert study.forms[0].name == "quick"
    assert "paper" in [form.name for form in study.forms]
    assert study.design(0).limits
    again = Study.model_validate(study.document())
    assert [again.design(at) for at in range(len(study.forms))] == [study.design(at) for at in range(len(study.forms))]


def named(value: object) -> str:
    """What a value is called in the name of a variant; no two of an axis are called the same."""
    return value["kind"] if isinstance(value, dict) else str(value).lower()


WORDS = st.from_regex(r"[a-z]{1,4}", fullmatch=True)
VALUES = st.one_of(WORDS, st.integers(0, 99), st.booleans(), st.builds(lambda kind: {"kind": kind}, WORDS))
AXES = st.lists(
    st.builds(lambda path, values: (path, values), WORDS, st.lists(VALUES, min_size=1, max_size=4, unique_by=named)),
    max_size=3,
    unique_by=lambda axis: axis[0],
)


@given(AXES, st.lists(WORDS, max_size=3, unique=True))
@examples(70)
def test_a_grid_is_every_combination_once(axes, names):
    """Against `itertools.product` over the values themselves."""
    design = Design(
        grid=tuple(Axis(path=f"x.{path}", values=tuple(values)) for path, values in axes),
        variants=tuple(Variant(name=name) for name in names),
    )
    found = list(design.combinations())
    wanted = list(product(names or [None], *(values for _, values in axes)))
    assert len(found) == len(wanted) == max(len(names), 1) * prod(len(values) for _, values in axes)
    for (name, index, cell), (own, *chosen) in zip(found, wanted, strict=True):
        assert own == (None if index is None else names[index])
        assert [design.grid[axis].values[at] for axis, at in enumerate(cell)] == chosen
        for value in chosen:
            assert named(value) in name


def test_as_many_variants_as_are_allowed_are(tmp_path):
    values = list(range(1000))
    with pytest.raises(ValueError, match="at most"):
        Axis(path="a", values=tuple(values))
    grid = [{"path": "a", "values": values[:10]}, {"path": "b", "values": values[:100]}]
    study = Study.model_validate({"name": "s", "question": "?", "spec": "quickstart", "grid": grid})
    assert len(list(study.design().combinations())) == MAX_VARIANTS
