"""The axes of a search: each a setting, or a number of a rule, with the values that it may take."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any

import numpy as np

from kresnet.errors import KresnetError, Place, Problem
from kresnet.plan.scaling_rules import RULES, ScaledSettings
from kresnet.spec.architecture import Spec
from kresnet.spec.document import KeyPath
from kresnet.spec.loading import LoadedDocument, apply_overrides
from kresnet.spec.overrides import Override, change_values, expand_path, split_overrides
from kresnet.spec.recipe import Recipe
from kresnet.spec.search import Dimension, RegNetShape, ScaledShape, Search

#: Values of one candidate, by the names of the axes.
Values = dict[str, Any]

#: Names of the axes of a rule begin so.
_SHAPE = "shape."
#: Problems of a value by itself; others depend on what else a candidate has.
_OF_THE_VALUE = ("unknown_field", "wrong_type", "wrong_value", "out_of_range", "bad_override", "missing_field")


@dataclass(frozen=True)
class SearchAxis:
    """One direction of the space.

    Attributes:
        name: path of the setting, or `shape.` and the number of the rule.
        dimension: values that it may take.
        stated: where the search says so.
    """

    name: str
    dimension: Dimension
    stated: KeyPath

    @property
    def of_recipe(self) -> bool:
        """Whether it is a setting of the recipe."""
        return self.name.startswith("recipe.")

    def draw(self, random: np.random.Generator, count: int) -> list[Any]:
        """Return so many values at random, each as likely as the dimension says."""
        dimension = self.dimension
        if dimension.choice is not None:
            return [dimension.choice[index] for index in random.integers(len(dimension.choice), size=count)]
        low, high = self.dimension.extremes
        if dimension.int is not None:
            step = int(dimension.step or 1)
            return (low + step * random.integers((high - low) // step + 1, size=count)).tolist()
        if dimension.log is not None:
            drawn = np.exp(random.uniform(np.log(low), np.log(high), size=count))
            return np.clip(drawn, low, high).tolist()
        if dimension.step is not None:
            return (low + dimension.step * random.integers(int(self.size()), size=count)).tolist()
        return random.uniform(low, high, size=count).tolist()

    def size(self) -> float:
        """Return how many values there are; infinity for numbers without steps."""
        dimension = self.dimension
        if dimension.choice is not None:
            return len(dimension.choice)
        low, high = dimension.extremes
        if low == high:
            return 1
        step = dimension.step or (1 if dimension.int is not None else None)
        return float("inf") if step is None else int((high - low) / step + 1e-9) + 1


class SearchAxes:
    """All axes of a search, and what their values change of its spec and recipe.

    Attributes:
        axes: the axes, in the order of the document.
    """

    def __init__(
        self, search: LoadedDocument[Search], spec: LoadedDocument[Spec], recipe: LoadedDocument[Recipe]
    ) -> None:
        """Resolve the axes against the documents that they vary.

        Raises:
            KresnetError: all paths that do not exist, and values that are none, with their places in the search.
        """
        self._spec, self._recipe, self._shape = spec, recipe, search.value.shape
        self.axes = tuple(self._list_axes(search))
        if isinstance(self._shape, ScaledShape):
            self._scaling = ScaledSettings(spec.value, spec.source.values, self._shape.width_multiple)
        self._require_valid(search)

    def _list_axes(self, search: LoadedDocument[Search]) -> Iterator[SearchAxis]:
        shape = self._shape
        if shape is not None:
            for name in type(shape).model_fields:
                if isinstance(dimension := getattr(shape, name), Dimension):
                    yield SearchAxis(_SHAPE + name, dimension, ("shape", name))
        for path, dimension in search.value.space.items():
            for name in [path] if dimension.tied else self._paths(path, search.source.place(("space", path))):
                yield SearchAxis(name, dimension, ("space", path))

    def _paths(self, path: str, place: Place) -> list[str]:
        """The settings that a path with `*` stands for."""
        document, own = (
            (self._recipe, path.removeprefix("recipe.")) if path.startswith("recipe.") else (self._spec, path)
        )
        prefix = path[: len(path) - len(own)]
        return [prefix + each for each in expand_path(own, document.source.values, place)]

    def _require_valid(self, search: LoadedDocument[Search]) -> None:
        """Try each extreme value of each axis alone; a path with `*` is told of once."""
        problems: dict[tuple[str, str], Problem] = {}

        def add(axis: SearchAxis, problem: Problem, at: KeyPath = ()) -> None:
            path, place = ".".join(map(str, axis.stated)), search.source.place((*axis.stated, *at))
            problems.setdefault((path, problem.message), replace(problem, path=path, place=place))

        for axis in self.axes:
            if axis.name.startswith(_SHAPE):
                continue
            if axis.name == "recipe.seed":
                message = "The seed is no setting to choose by: it says nothing of other seeds."
                add(axis, Problem("contradiction", message, remedy="leave it out of the space"))
            for number, value in enumerate(axis.dimension.extremes):
                at = (axis.dimension.kind, number)
                try:
                    self.apply([Override(axis.name, value, search.source.place((*axis.stated, *at)))])
                except KresnetError as error:
                    for problem in error.problems:
                        if problem.code in _OF_THE_VALUE:
                            add(axis, problem, at)
        for first, second in _overlapping(self.axes):
            message = f"`{second.name}` lies within `{first.name}`, which varies as well."
            add(second, Problem("contradiction", message, remedy="leave one of them out of the space"))
        if problems:
            raise KresnetError(list(problems.values()))

    def apply(self, settings: list[Override]) -> tuple[LoadedDocument[Spec], LoadedDocument[Recipe]]:
        """Return spec and recipe with some settings changed."""
        of_spec, of_recipe = split_overrides(settings)
        return (
            apply_overrides(Spec, self._spec.source, of_spec, self._spec.path) if of_spec else self._spec,
            apply_overrides(Recipe, self._recipe.source, of_recipe, self._recipe.path) if of_recipe else self._recipe,
        )

    @property
    def names(self) -> list[str]:
        """Names of the axes."""
        return [axis.name for axis in self.axes]

    def size(self) -> float:
        """Return how many candidates there are; infinity where a number has no steps."""
        return float(np.prod([axis.size() for axis in self.axes]))

    def draw(self, random: np.random.Generator, count: int) -> list[Values]:
        """Return so many candidates at random."""
        columns = [axis.draw(random, count) for axis in self.axes]
        return [dict(zip(self.names, row, strict=True)) for row in zip(*columns, strict=True)]

    def settings(self, values: Mapping[str, Any]) -> dict[str, Any] | None:
        """Return what a candidate changes, by path: what its rule says, then its own; None where it is no network."""
        numbers = {name.removeprefix(_SHAPE): value for name, value in values.items() if name.startswith(_SHAPE)}
        ruled: dict[str, Any] | None = {}
        if isinstance(self._shape, ScaledShape):
            ruled = self._scaling.scaled(*RULES[self._shape.by].factors(numbers["phi"]))
        elif isinstance(self._shape, RegNetShape):
            ruled = _regnet_settings(numbers, self._shape.width_multiple, len(self._spec.value.stages))
        if ruled is None:
            return None
        return ruled | {name: value for name, value in values.items() if not name.startswith(_SHAPE)}

    def candidate_spec(self, settings: Mapping[str, Any]) -> Spec:
        """Return the spec of a candidate by its settings, without places and without a look at what is unused.

        Raises:
            ValidationError: if it is none.
        """
        own: dict[str, Any] = {}
        for name, value in settings.items():
            if not name.startswith("recipe."):
                own |= dict.fromkeys(self._expanded(name), value)
        return Spec.model_validate(change_values(self._spec.source.values, own))

    def _expanded(self, name: str) -> list[str]:
        if "*" not in name:
            return [name]
        return expand_path(name, self._spec.source.values, Place(name))


def _overlapping(axes: tuple[SearchAxis, ...]) -> Iterator[tuple[SearchAxis, SearchAxis]]:
    for first in axes:
        for second in axes:
            if second.name.startswith(f"{first.name}."):
                yield first, second


def _regnet_settings(numbers: Mapping[str, Any], multiple: int, stages: int) -> dict[str, Any] | None:
    """Blocks and widths by RegNet's rule; None where it makes another number of stages.

    Widths follow equations 2 to 4 of Radosavovic et al. 2020; stages of one rounded width are one.
    """
    initial, slope, factor = (float(numbers[name]) for name in ("initial_width", "slope", "multiplier"))
    if factor <= 1 or initial <= 0:
        return None
    linear = initial + slope * np.arange(numbers["depth"])
    exponents = np.round(np.log(np.maximum(linear, 1e-9) / initial) / np.log(factor))
    widths = [max(multiple, round(initial * factor**exponent / multiple) * multiple) for exponent in exponents]
    runs = [(width, len(list(group))) for width, group in groupby(widths)]
    if len(runs) != stages:
        return None
    settings: dict[str, Any] = {}
    for index, (width, blocks) in enumerate(runs):
        settings |= {f"stages.{index}.blocks": blocks, f"stages.{index}.width": width}
    return settings


def canonical(values: Mapping[str, Any]) -> str:
    """Return a text that is the same for the same values."""
    return json.dumps(values, sort_keys=True)


__all__ = ["SearchAxes", "SearchAxis", "Values", "canonical"]
