"""Settings stand for what was registered for their model, and a kind without that is told."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import pytest

from kresnet.errors import KresnetError
from kresnet.registry import Registry
from kresnet.spec.implementations import implement, implementation
from kresnet.spec.kinds import OpenUnion


class Drink(OpenUnion):
    kinds: ClassVar[Registry[Any]] = Registry("kresnet.drinks")


@Drink.register
class Tea(Drink):
    kind: Literal["tea"]


class GreenTea(Tea):
    pass


@Drink.register
class Coffee(Drink):
    kind: Literal["coffee"]


def test_a_kind_and_what_extends_it_stand_for_what_was_registered():
    assert implement(Tea, str) is str
    assert implementation(Tea(kind="tea")) is str
    assert implementation(GreenTea(kind="tea")) is str


def test_a_kind_without_a_function_is_told():
    with pytest.raises(KresnetError, match="The kind `coffee` of drink is registered without a function"):
        implementation(Coffee(kind="coffee"))
