"""Kinds by name: registered by a call, or offered by an installed package, which is imported when its kind is named."""

from __future__ import annotations

import sys

import pytest

from kresnet.errors import KresnetError
from kresnet.registry import Provider, Registry
from tests.installed import install, on_path

SHAPES: Registry[type] = Registry("kresnet.shapes")

#: A module that registers a kind with the registry above.
ROUND = """
from tests.test_registry import SHAPES

class Round: pass

SHAPES.register("round", Round)
"""


class Square:
    """A kind that a script registers."""


@pytest.fixture(autouse=True)
def _only_what_a_test_registers():
    SHAPES._entries.clear()
    SHAPES._definitions.clear()


def problem(error: pytest.ExceptionInfo[KresnetError]) -> tuple[str, str, str]:
    [found] = error.value.problems
    return found.code, found.message, found.remedy


def test_a_registered_kind_is_found_by_its_name_and_again_by_the_same_definition():
    SHAPES.register("square", Square)
    SHAPES.register("square", Square)
    assert SHAPES.find("square") is Square
    assert list(SHAPES.items()) == [("square", Square)]
    assert SHAPES.find("circle") is None
    assert SHAPES.noun == "shape"
    assert SHAPES.provider("square") == Provider("tests.test_registry")


@pytest.mark.parametrize("kind", ["", "Square", "a b", "9th", "x" * 41, "os.system", None])
def test_a_name_that_no_kind_can_have_is_refused(kind):
    with pytest.raises(KresnetError, match=r"tests.test_registry.Square has a kind .* \[extension_broken\]"):
        SHAPES.register(kind, Square)
    assert SHAPES.find(str(kind)) is None


def test_two_definitions_of_one_name_are_refused_and_the_first_stays():
    SHAPES.register("square", Square)
    with pytest.raises(KresnetError) as error:
        SHAPES.register("square", Provider)
    assert problem(error)[:2] == (
        "extension_conflict",
        "There are two kinds `square` of shape: tests.test_registry.Square and kresnet.registry.Provider.",
    )
    assert SHAPES.find("square") is Square


def test_an_installed_package_is_imported_when_its_kind_is_named_and_not_before(tmp_path):
    install(tmp_path, "round-shapes", {"kresnet.shapes": {"round": "round_shapes"}}, round_shapes=ROUND)
    with on_path(tmp_path):
        SHAPES.register("square", Square)
        assert SHAPES.find("square") is Square
        assert SHAPES.find("rounder") is None
        assert "round_shapes" not in sys.modules
        assert SHAPES.find("round").__name__ == "Round"
        assert SHAPES.provider("round") == Provider("round_shapes", "round-shapes", "1.0")


def test_listing_all_kinds_imports_all_packages(tmp_path):
    install(tmp_path, "round-shapes", {"kresnet.shapes": {"round": "round_shapes"}}, round_shapes=ROUND)
    with on_path(tmp_path):
        SHAPES.load_installed()
        assert [kind for kind, _ in SHAPES.items()] == ["round"]


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("import nothing_of_this_name", "ModuleNotFoundError: No module named 'nothing_of_this_name'"),
        ("raise SystemExit('gone')", "SystemExit: gone"),
        ("x = ", "SyntaxError: invalid syntax"),
        ("", "broken_shapes registers no such kind"),
        (ROUND.replace('"round"', '"Round"'), "broken_shapes.Round has a kind that cannot be named so"),
    ],
)
def test_a_package_that_fails_is_named_with_the_reason_and_a_remedy(tmp_path, source, reason):
    install(tmp_path, "broken-shapes", {"kresnet.shapes": {"round": "broken_shapes"}}, broken_shapes=source)
    with on_path(tmp_path):
        for look in (lambda: SHAPES.find("round"), SHAPES.load_installed):
            with pytest.raises(KresnetError) as error:
                look()
            code, message, remedy = problem(error)
            assert code == "extension_broken"
            assert message.startswith(
                f"The installed package broken-shapes 1.0 offers the kind `round` of shape, and fails: {reason}"
            )
            assert remedy == "pip install --upgrade broken-shapes, or pip uninstall broken-shapes"
        SHAPES.load_installed(strict=False)
        assert not list(SHAPES.items())


def test_two_packages_that_offer_one_kind_are_a_conflict(tmp_path):
    for name in ("a-shapes", "b-shapes"):
        module = name.replace("-", "_")
        install(tmp_path, name, {"kresnet.shapes": {"round": module}}, **{module: ROUND})
    with on_path(tmp_path), pytest.raises(KresnetError) as error:
        SHAPES.find("round")
    assert problem(error) == (
        "extension_conflict",
        "2 installed packages offer the kind `round` of shape: a-shapes 1.0, b-shapes 1.0.",
        "pip uninstall b-shapes, or another of them",
    )


def test_a_package_whose_kind_a_script_has_registered_is_a_conflict_where_all_are_listed(tmp_path):
    install(tmp_path, "round-shapes", {"kresnet.shapes": {"round": "round_shapes"}}, round_shapes=ROUND)
    with on_path(tmp_path):
        SHAPES.register("round", Square)
        assert SHAPES.find("round") is Square
        with pytest.raises(KresnetError, match=r"two kinds `round` .* \[extension_conflict\]"):
            SHAPES.load_installed()
