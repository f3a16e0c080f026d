"""Unions that are open: pydantic's own tagged unions are the measure of what they take, refuse and give."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

import pytest
from pydantic import BaseModel, Field, ValidationError

from kresnet.errors import KresnetError
from kresnet.registry import Registry
from kresnet.spec.base import Document, Width
from kresnet.spec.document import SourceDocument, parse_document
from kresnet.spec.kinds import OpenUnion, kind_of, provided_kinds
from kresnet.spec.loading import load_spec
from kresnet.spec.locations import locate_error
from kresnet.spec.validation import validate
from tests.installed import install, on_path


class Filling(OpenUnion):
    """What is inside."""

    kinds: ClassVar[Registry[Any]] = Registry("kresnet.fillings")


@Filling.register
class Jam(Filling):
    """Sweet."""

    kind: Literal["jam"]
    fruit: Literal["plum", "cherry"] = "plum"
    spoons: Width = 2


@Filling.register
class Cheese(Filling):
    """Not sweet."""

    kind: Literal["cheese"]
    slices: Width


class Cake(Document):
    """A field of the union, one that may be absent, and a list."""

    filling: Filling
    topping: Filling | None = None
    layers: tuple[Filling, ...] = ()


Closed = Annotated[Jam | Cheese, Field(discriminator="kind")]


class ClosedCake(Document):
    """The same by pydantic's own."""

    filling: Closed
    topping: Closed | None = None
    layers: tuple[Closed, ...] = ()


NUTS = """
from typing import Literal
from tests.spec.test_kinds import Filling
from kresnet.spec.base import Width

@Filling.register
class Nuts(Filling):
    kind: Literal["nuts"]
    handfuls: Width = 1
"""

JAM, CHEESE = {"kind": "jam", "spoons": 3}, {"kind": "cheese", "slices": 1}


@pytest.mark.parametrize(
    "values",
    [{"filling": JAM}, {"filling": CHEESE, "topping": JAM, "layers": [JAM, CHEESE]}, {"filling": Cheese(**CHEESE)}],
)
def test_what_a_closed_union_takes_an_open_one_takes_alike(values):
    cake, closed = Cake.model_validate(values), ClosedCake.model_validate(values)
    assert cake.filling == closed.filling
    assert cake.layers == closed.layers
    assert cake.document() == closed.document()
    assert cake.model_dump(exclude_unset=True) == closed.model_dump(exclude_unset=True)
    assert Cake.model_validate_json(cake.model_dump_json()) == cake


@pytest.mark.parametrize(
    "values",
    [
        {"filling": "jam"},
        {"filling": None},
        {"filling": {}},
        {"filling": {"kind": "honey"}},
        {"filling": {"kind": 3}},
        {"filling": {"kind": ["jam"]}},
        {"filling": {"kind": "cheese"}},
        {"filling": {**JAM, "spoons": 0, "fruit": "pear", "sugar": 1}},
        {"filling": CHEESE, "topping": {**JAM, "spoons": "2"}, "layers": [CHEESE, {"kind": "cheese", "slices": -1}]},
        {"filling": CHEESE, "layers": [{"slices": 1}, JAM, 3]},
    ],
)
def test_what_a_closed_union_refuses_an_open_one_refuses_in_the_same_place(values):
    errors: list[list[tuple[Any, ...]]] = []
    for model in (Cake, ClosedCake):
        with pytest.raises(ValidationError) as error:
            model.model_validate(values)
        errors.append([(each["type"], each["loc"], each["input"]) for each in error.value.errors()])
    assert errors[0] == errors[1]
    for _, location, _ in errors[0]:
        ours, theirs = locate_error(Cake, location), locate_error(ClosedCake, location)
        assert (ours.path, ours.union, ours.literals) == (theirs.path, theirs.union, theirs.literals)


def test_the_json_schema_is_that_of_a_closed_union():
    (ours, theirs) = (model.model_json_schema() for model in (Cake, ClosedCake))
    assert ours["properties"] == theirs["properties"]
    assert ours["$defs"] == theirs["$defs"]


def test_a_kind_of_an_installed_package_is_read_listed_and_located(tmp_path):
    install(tmp_path, "nut-fillings", {"kresnet.fillings": {"nuts": "nut_fillings"}}, nut_fillings=NUTS)
    with on_path(tmp_path):
        try:
            assert Cake.model_validate({"filling": {"kind": "nuts"}}).filling.handfuls == 1  # type: ignore[attr-defined]
            source = parse_document("filling:\n  kind: nuts\n  handfuls: 0\n", "cake.yaml")
            with pytest.raises(KresnetError) as error:
                validate(Cake, source)
            [problem] = error.value.problems
            assert (str(problem.place), problem.path) == ("cake.yaml:3:3", "filling.handfuls")
            assert "nuts" in Cake.model_json_schema()["properties"]["filling"]["discriminator"]["mapping"]
        finally:
            Filling.kinds.forget("nuts")


def test_a_package_that_fails_is_a_problem_with_a_place_beside_the_others(tmp_path):
    install(tmp_path, "nut-fillings", {"kresnet.fillings": {"nuts": "nut_fillings"}}, nut_fillings="1 / 0")
    source = parse_document("filling: {kind: nuts}\ntopping: {kind: jam, spoons: 0}\n", "cake.yaml")
    with on_path(tmp_path), pytest.raises(KresnetError) as error:
        validate(Cake, source)
    assert [(problem.code, problem.path) for problem in error.value.problems] == [
        ("extension_broken", "filling"),
        ("out_of_range", "topping.spoons"),
    ]
    assert "nut-fillings 1.0 offers the kind `nuts` of filling, and fails: ZeroDivisionError" in str(error.value)


def test_an_unknown_kind_is_told_with_the_nearest():
    with pytest.raises(KresnetError) as error:
        validate(Cake, SourceDocument("cake.yaml", {"filling": {"kind": "jem"}}))
    [problem] = error.value.problems
    assert (problem.code, problem.expected, problem.nearest) == ("wrong_value", "one of jam, cheese", "jam")


class Other(Document):
    """Not a filling."""

    kind: Literal["other"]


class Nameless(Filling):
    """A filling without a kind."""


class Twin(Filling):
    """Another of a kind that there is."""

    kind: Literal["jam"]


@pytest.mark.parametrize(
    ("settings", "code"),
    [
        (Other, "extension_broken"),
        (Nameless, "extension_broken"),
        (Twin, "extension_conflict"),
        (3, "extension_broken"),
    ],
)
def test_what_cannot_be_a_kind_is_refused(settings, code):
    with pytest.raises(KresnetError) as error:
        Filling.register(settings)
    assert error.value.problems[0].code == code
    assert Filling.kinds.find("jam") is Jam


def test_who_gave_the_kinds_of_a_document(tmp_path):
    install(tmp_path, "nut-fillings", {"kresnet.fillings": {"nuts": "nut_fillings"}}, nut_fillings=NUTS)
    with on_path(tmp_path):
        cake = Cake.model_validate({"filling": {"kind": "nuts"}, "layers": [JAM, {"kind": "nuts"}]})
        jam = {"of": "filling", "kind": "jam", "module": "tests.spec.test_kinds"}
        nuts = {"of": "filling", "kind": "nuts", "module": "nut_fillings"}
        assert provided_kinds(cake) == [jam, {**nuts, "distribution": "nut-fillings", "version": "1.0"}]
        Filling.kinds.forget("nuts")


def test_kinds_that_ship_are_given_by_nobody():
    assert provided_kinds(load_spec("se_resnet50").value) == []


def test_the_kind_of_a_model():
    assert kind_of(Jam) == "jam"
    assert kind_of(Filling) is None
    assert kind_of(BaseModel) is None


def test_a_union_of_one_kind_locates_as_one_of_several_does():
    class Single(OpenUnion):
        kinds: ClassVar[Registry[Any]] = Registry("kresnet.singles")

    @Single.register
    class Only(Single):
        kind: Literal["only"]
        width: Width

    class Holder(Document):
        one: Single

    Holder.model_rebuild(_types_namespace={"Single": Single})
    location = locate_error(Holder, ("one", "only", "width"))
    assert (location.path, location.owner, location.kinds()) == (("one", "width"), Only, ["only"])
