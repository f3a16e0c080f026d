"""Every field of a spec, each with other values that it allows by itself, read off the models' annotations."""

from __future__ import annotations

import copy
import types
import typing
from collections.abc import Iterator
from functools import reduce
from itertools import groupby
from operator import getitem, itemgetter
from typing import Any

from pydantic import BaseModel, ValidationError

from kresnet.errors import KresnetError
from kresnet.plan import Plan, lower
from kresnet.plan.unused_settings import no_effect_problems
from kresnet.spec.architecture import Spec
from kresnet.spec.kinds import OpenUnion

Path = tuple[str | int, ...]

#: What a kind needs beside its name, to be tried instead of another kind.
REQUIRED = {
    "center_crop": {"shorter_side": 40},
    "features": {"stages": [1]},
    "regressor": {"outputs": 3, "pool": "average"},
    "classifier": {"classes": 7, "pool": "average"},
}


def mutations(model: BaseModel) -> Iterator[tuple[Path, dict[str, Any]]]:
    """The document of `model` with one field changed, for each field and a few other values of it."""
    document = model.document()
    for path, value in _changes(model, ()):
        changed = copy.deepcopy(document)
        node = changed
        for part in path[:-1]:
            node = node[part] if isinstance(part, int) else node.setdefault(part, {})
        node[path[-1]] = value
        yield path, changed


def ignored_fields(spec: Spec, plan: Plan, which: slice = slice(None)) -> Iterator[Path]:
    """Fields of a spec of which another value is accepted, and none changes its plan.

    One that does is enough: widths are rounded, and without norms two orders are the same. Shortcuts are left out, as
    two of them are the same where no block, or every block, keeps its input's shape.

    Args:
        spec: the network.
        plan: its plan.
        which: which of its fields are tried.
    """
    fields = [list(changes) for _, changes in groupby(mutations(spec), key=itemgetter(0))]
    for changes in fields[which]:
        path = changes[0][0]
        documents = [document for _, document in changes if path[-1] != "shortcut"]
        changed = any(other is not None and other != plan for other in map(_plan_of, documents))
        if not changed and any(_is_stated(document, path) for document in documents):
            yield path


def _plan_of(document: dict[str, Any]) -> Plan | None:
    """The document's plan, whether or not all of its settings have an effect; None where there is none."""
    try:
        return lower(Spec.model_validate(document))
    except (KresnetError, ValidationError):
        return None


def _is_stated(document: dict[str, Any], path: Path) -> bool:
    """Whether a field is accepted as it is, and says something else than what it has without being stated."""
    if _plan_of(document) is None or no_effect_problems(document):
        return False
    without = copy.deepcopy(document)
    del reduce(getitem, path[:-1], without)[path[-1]]
    try:
        return Spec.model_validate(without) != Spec.model_validate(document)
    except (KresnetError, ValidationError):
        return True


def _changes(model: BaseModel, path: Path) -> Iterator[tuple[Path, Any]]:
    for name, field in type(model).model_fields.items():
        if name == "kind":
            continue
        value, place = getattr(model, name), (*path, name)
        for other in _others(field.annotation, field.metadata, value):
            yield place, other
        if isinstance(value, BaseModel):
            yield from _changes(value, place)
        if isinstance(value, tuple) and value and isinstance(value[0], BaseModel):
            for index, item in enumerate(value):
                yield from _changes(item, (*place, index))


def _others(annotation: Any, metadata: list[Any], value: Any) -> Iterator[Any]:
    """Substantially different values of the field."""
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Annotated:
        yield from _others(arguments[0], [*metadata, *arguments[1:]], value)
    elif origin is typing.Literal:
        yield from (choice for choice in arguments if choice != value)
    elif origin in (typing.Union, types.UnionType):
        yield from _others_of_union(arguments, metadata, value)
    elif isinstance(annotation, type) and issubclass(annotation, OpenUnion) and annotation.is_union():
        yield from (_smallest(member) for member in annotation.members() if not isinstance(value, member))
    elif isinstance(annotation, type) and issubclass(annotation, BaseModel):
        if not isinstance(value, annotation):
            yield _smallest(annotation)
    elif annotation is bool:
        yield not value
    elif annotation is int:
        yield from {1, 2, 3, 7, (value if isinstance(value, int) and value else 2) * 2} - {value}
    elif annotation is float:
        scale = value if isinstance(value, int | float) and value else 0.3
        yield from {0.0, 0.25, 0.5, scale * 1.5, scale * 16} - {value}  # the last, as widths are rounded
    elif annotation is str:
        yield "another"
    elif origin is dict:
        yield {key: number / 2 for key, number in value.items()} if isinstance(value, dict) else {"another": 0.25}
    elif origin is tuple and isinstance(value, tuple | list) and value and isinstance(value[0], str):
        yield [*value, "another"]
        yield list(value[1:])
    elif origin is tuple and value and not isinstance(value, str) and not isinstance(value[0], BaseModel):
        yield [item + 1 for item in value]
        yield [*value, value[-1] + 1]
        if len(value) > 1:
            yield list(value[:-1])


def _others_of_union(arguments: tuple[Any, ...], metadata: list[Any], value: Any) -> Iterator[Any]:
    if type(None) in arguments and value is not None:
        yield None
    for argument in arguments:
        if argument is not type(None):
            yield from _others(argument, metadata, value)


def _smallest(model: type[BaseModel]) -> dict[str, Any]:
    kind = typing.get_args(model.model_fields["kind"].annotation)[:1] if "kind" in model.model_fields else ()
    if not kind or model.__name__ == "StemPool":
        return {"kind": "max"} if model.__name__ == "StemPool" else {}
    return {"kind": kind[0]} | REQUIRED.get(kind[0], {})
