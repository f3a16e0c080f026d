"""No setting is silently ignored: find the ones whose removal leaves what a document means as it is."""

from __future__ import annotations

import copy
from collections.abc import Callable, Collection, Hashable, Iterator
from typing import Any, NamedTuple, TypeVar

from pydantic import ValidationError

from kresnet.errors import KresnetError, Problem
from kresnet.plan.lowering import lower
from kresnet.plan.plan_builder import PlanBuilder
from kresnet.plan.records import Record
from kresnet.spec.architecture import Spec
from kresnet.spec.base import Document

Model = TypeVar("Model", bound=Document)
#: Where a setting stands in its document.
Setting = tuple[str | int, ...]

#: What a spec says about itself rather than about its network.
ABOUT = ("name", "source", "published", "recipe")


def no_effect_problems(document: dict[str, Any]) -> list[Problem]:
    """Return a `no_effect` problem for each setting of a spec that changes nothing in its network.

    Two blocks a stage, and those that its settings list, show everything that more of them would, and keep this fast
    for networks of a thousand layers. Where the last block strides there are three: the first changes the width, and
    only those between the two keep their input's shape.

    Args:
        document: a valid spec as its author wrote it, since only that tells a value stated from one inherited.
    """
    document = copy.deepcopy(document)
    settings = Spec.model_validate(document).stages
    for stage, read in zip(document.get("stages") or (), settings, strict=False):  # none where a rule gives them
        different = 3 if read.block.last_block_strides else 2
        stage["blocks"] = min(stage["blocks"], max(different, read.block.listed_blocks))
    whole = _Whole(Spec.model_validate(document))
    return [_problem(path) for path in unused_settings(document, Spec, whole.is_lowered_from, ABOUT)]


def unused_settings(
    document: dict[str, Any],
    model: type[Model],
    means_the_same: Callable[[Model], bool],
    ignored_fields: Collection[str],
) -> list[Setting]:
    """Return the paths of the settings that differ from their default and yet change nothing.

    A setting is tried by taking it out of the document: if that changes the model but not what is made of it, nothing
    reads it.

    Args:
        document: a valid document, of which `model` is made.
        model: what a document is validated as.
        means_the_same: whether a model comes to the same result as that of the whole document.
        ignored_fields: fields that speak of the document itself, and are not tried.
    """
    whole = model.model_validate(document)
    unused: list[Setting] = []
    for path in _settings(document, (), ignored_fields):
        if any(path[: len(outer)] == outer for outer in unused):
            continue
        try:
            other = model.model_validate(_without(document, path))
            if other != whole and means_the_same(other):
                unused.append(path)
        except (ValidationError, KresnetError):
            continue  # required, or needed by another setting: it has an effect
    return unused


class _PlansDiffer(Exception):
    """Two networks part ways."""


class _Whole:
    """The network of a whole document, with which those of parts of the document are compared."""

    def __init__(self, spec: Spec) -> None:
        self.spec, self.parts = spec, dict[int, _Part]()
        self.plan = lower(spec, _NotingBuilder(spec, self.parts))

    def is_lowered_from(self, spec: Spec) -> bool:
        """Return whether `spec` gives the same plan."""
        try:
            return lower(spec, _ComparingBuilder(spec, self)) == self.plan
        except _PlansDiffer:
            return False


class _Part(NamedTuple):
    """A part of the whole network: what it depends on, the records before and at its end, and how many there are."""

    settings: Hashable
    before: Record | None
    last: Record
    end: int


class _NotingBuilder(PlanBuilder):
    """A builder that notes the parts of a network, each by the number of records before it."""

    def __init__(self, spec: Spec, parts: dict[int, _Part]) -> None:
        super().__init__(spec.convolution)
        self._parts = parts

    def part(self, settings: Hashable, x: Record | None, append: Callable[[Any], Record]) -> Record:
        start, last = len(self.records), append(x)
        self._parts[start] = _Part(settings, x, last, len(self.records))
        return last


class _ComparingBuilder(PlanBuilder):
    """A builder that gives up at the first record in which it differs from a plan, and takes over parts that do not."""

    def __init__(self, spec: Spec, whole: _Whole) -> None:
        super().__init__(spec.convolution)
        self._plan, same = whole.plan, _names_and_rates(spec) == _names_and_rates(whole.spec)
        self._parts = whole.parts if same else {}

    def part(self, settings: Hashable, x: Record | None, append: Callable[[Any], Record]) -> Record:
        known = self._parts.get(len(self.records))
        if known is None or known.before != x or known.settings != settings:
            return append(x)
        self.records += self._plan.records[len(self.records) : known.end]
        return known.last

    def append(self, *arguments: Any, **rest: Any) -> Record:
        record = super().append(*arguments, **rest)
        if len(self.records) > len(self._plan.records) or record != self._plan.records[len(self.records) - 1]:
            raise _PlansDiffer
        return record


def _names_and_rates(spec: Spec) -> tuple[Any, ...]:
    """What the records of a part depend on beside its own settings."""
    return spec.convolution, spec.stochastic_depth, [stage.blocks for stage in spec.stages]


def _problem(path: Setting) -> Problem:
    name = ".".join(str(key) for key in path)
    return Problem("no_effect", f"`{path[-1]}` changes nothing in this network.", path=name, remedy=f"remove `{name}`")


def _settings(node: Any, path: Setting, about: Collection[str]) -> Iterator[Setting]:
    """The paths of all settings but the fields of `about`, a mapping before what it holds.

    A list of numbers or names is one setting; a list with mappings is what they hold, and each name beside them.
    """
    if isinstance(node, list) and any(isinstance(value, dict) for value in node):
        for index, value in enumerate(node):
            if not isinstance(value, dict):
                yield (*path, index)
                continue
            for key in value:
                yield from _settings(value[key], (*path, index, key), about)
        return
    if path:
        yield path
    if isinstance(node, dict):
        for key, value in node.items():
            if path or key not in about:
                yield from _settings(value, (*path, key), about)


def _without(node: Any, path: Setting) -> Any:
    """The document without what stands at `path`; only what leads there is copied."""
    changed = copy.copy(node)
    if len(path) == 1:
        del changed[path[0]]
    else:
        changed[path[0]] = _without(node[path[0]], path[1:])
    return changed
