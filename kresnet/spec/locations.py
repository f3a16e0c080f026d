"""Where in a document, and in which model, a pydantic error lies.

Pydantic's locations name the members of unions too (`("block", "basic", "width")`); a document does not.
"""

from __future__ import annotations

import types
import typing
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel, Tag

from kresnet.spec.document import KeyPath, SourceDocument
from kresnet.spec.kinds import OpenUnion, kind_of

Model = type[BaseModel]


@dataclass(frozen=True, slots=True)
class Location:
    """The place in a document that a pydantic location means.

    Attributes:
        path: keys and indices that lead to the place in the document.
        owner: the model that has, or should have, the last key as a field; None within an undecided union.
        union: the members of the innermost union on the way.
    """

    path: KeyPath
    owner: Model | None
    union: list[Model] = field(default_factory=list)

    @property
    def key(self) -> str:
        """Last field of the path with the indices after it, such as `shape[2]`."""
        names = [index for index, key in enumerate(self.path) if isinstance(key, str)]
        if not names:
            return ""
        return str(self.path[names[-1]]) + "".join(f"[{index}]" for index in self.path[names[-1] + 1 :])

    @property
    def literals(self) -> tuple[Any, ...]:
        """Values that the last field of the path, or an item of it, may have, where its model names them literally."""
        names = [key for key in self.path if isinstance(key, str)]
        known = self.owner.model_fields.get(names[-1]) if self.owner and names else None
        if known is None:
            return ()
        listed = isinstance(self.path[-1], int)
        annotations = typing.get_args(known.annotation) if listed else (known.annotation,)
        return tuple(value for each in annotations for value in _literals(each))

    def kinds(self, having: str | None = None) -> list[str]:
        """Return the kinds of the union's members; with `having`, only of the members that have that field."""
        return [str(kind_of(model)) for model in self.union if having is None or having in model.model_fields]


def locate_error(model: Model, location: tuple[Any, ...]) -> Location:
    """Return the place in a document of `model` that a pydantic location means."""
    path: list[str | int] = []
    candidates: list[Model] = [model]
    union: list[Model] = []
    owner: Model | None = model
    tags: set[str] = set()
    in_union = False
    for key in location:
        if key in tags:
            tags = set()
            continue
        if isinstance(key, int):
            path.append(key)
            continue
        if in_union:
            union = candidates
            if member := next((each for each in candidates if kind_of(each) == key), None):
                candidates, in_union = [member], False
                continue
        owner = candidates[0] if len(candidates) == 1 and not in_union else None
        path.append(key)
        known = owner.model_fields.get(key) if owner else None
        candidates = list(_models(known.annotation)) if known else []
        in_union = len(candidates) > 1 or (known is not None and _is_open(known.annotation))
        tags = set(_tags(known.annotation)) - {kind_of(each) for each in candidates} if known else set()
    return Location(tuple(path), owner, candidates if in_union else union)


def stated_path(path: KeyPath, source: SourceDocument) -> KeyPath:
    """Return where the document states the setting that cascaded to `path`: in the stage, the block or the network."""
    if path[:1] == ("stages",) and path[2:3] == ("block",):
        candidates = [path, path[2:], path[3:]]
    elif path[:1] == ("block",) and len(path) > 1:
        candidates = [path, path[1:]]
    else:
        return path
    return next((candidate for candidate in candidates if candidate in source.places), candidates[-2])


def literal_choices(model: Model, path: Sequence[str]) -> list[str]:
    """Return the words that the field at `path` may be, whatever kinds are chosen on the way; else an empty list.

    Args:
        model: of the document.
        path: keys and indices.
    """
    models, annotations = [model], list[Any]()
    for key in path:
        if not key.isdigit():
            annotations = [each.model_fields[key].annotation for each in models if key in each.model_fields]
            models = [model for annotation in annotations for model in _models(annotation)]
    return list(dict.fromkeys(word for annotation in annotations for word in _words(annotation)))


def _words(annotation: Any) -> Iterator[str]:
    """What an annotation names literally, through unions and `Annotated`; not the items of a list."""
    for value in _literals(annotation):
        yield str(value).lower() if isinstance(value, bool) else str(value)


def _literals(annotation: Any) -> Iterator[Any]:
    """The values that an annotation names literally, through unions and `Annotated`; a flag's are True and False."""
    if annotation is bool:
        yield from (True, False)
    elif typing.get_origin(annotation) is typing.Literal:
        yield from typing.get_args(annotation)
    elif typing.get_origin(annotation) in (typing.Union, types.UnionType, typing.Annotated):
        for argument in typing.get_args(annotation):
            yield from _literals(argument)


def _tags(annotation: Any) -> Iterator[str]:
    """The tags of the members of a union that has no `kind`, which pydantic's locations name."""
    for argument in (*typing.get_args(annotation), *getattr(annotation, "__metadata__", ())):
        if isinstance(argument, Tag):
            yield argument.tag
        else:
            yield from _tags(argument)


def _is_open(annotation: Any) -> bool:
    """Whether an annotation names a union to which kinds may be added, which may have one kind only."""
    if isinstance(annotation, type) and issubclass(annotation, OpenUnion):
        return annotation.is_union()
    return any(_is_open(argument) for argument in typing.get_args(annotation))


def _models(annotation: Any) -> Iterator[Model]:
    """The models that an annotation names, through unions, tuples and `Annotated`."""
    return (model for model, _ in field_models(annotation))


def field_models(annotation: Any, in_list: bool = False) -> Iterator[tuple[Model, bool]]:
    """The models that a field's annotation names, through unions and `Annotated`, and whether a list holds them."""
    if isinstance(annotation, type) and not isinstance(annotation, types.GenericAlias):
        if issubclass(annotation, OpenUnion) and annotation.is_union():
            yield from ((member, in_list) for member in annotation.members())
        elif issubclass(annotation, BaseModel):
            yield annotation, in_list
        return
    in_list = in_list or typing.get_origin(annotation) in (tuple, list)
    for argument in typing.get_args(annotation):
        yield from field_models(argument, in_list)
