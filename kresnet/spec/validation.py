"""Turn what pydantic found wrong into problems with a code, a place and the nearest valid name."""

from __future__ import annotations

import re
import types
import typing
from collections.abc import Iterator
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from kresnet.errors import KresnetError, Problem, nearest
from kresnet.spec.document import Path_, Source

Model = TypeVar("Model", bound=BaseModel)


def validate(model: type[Model], source: Source) -> Model:
    """`source` as a `model`.

    Raises:
        KresnetError: every problem of the document at once.
    """
    try:
        return model.model_validate(source.values)
    except ValidationError as error:
        problems = {}
        for detail in error.errors(include_url=False):
            if detail["type"] == "too_short" and len(detail["input"]) >= detail["ctx"]["min_length"]:
                continue  # the items are there, but none is valid: they are reported one by one
            problem, path = _problem(model, source, detail)
            problems.setdefault((problem.code, path), problem)
        if ("missing_field", ("block",)) in problems:  # each stage misses it too
            problems = {key: problem for key, problem in problems.items() if key[1][2:] != ("block",)}
        raise KresnetError(sort_by_place(problems.values())) from None


def sort_by_place(problems: typing.Iterable[Problem]) -> list[Problem]:
    """The problems in the order in which a reader meets them in the file."""
    key = lambda problem: (problem.place.line or 0, problem.place.column or 0) if problem.place else (0, 0)  # noqa: E731
    return sorted(problems, key=key)


def dotted(path: Path_) -> str:
    return ".".join(str(part) for part in path)


def stated(path: Path_, source: Source) -> Path_:
    """Where the document states the setting that cascaded to `path`: the stage, the block or the network."""
    if path[:1] != ("stages",) or path[2:3] != ("block",):
        candidates = [path, path[1:]] if path[:1] == ("block",) else [path]
    else:
        candidates = [path, path[2:], path[3:]]
    for candidate in candidates:
        if candidate in source.places:
            return candidate
    return candidates[1] if len(candidates) == 3 else path


def _problem(model: type[BaseModel], source: Source, detail: Any) -> tuple[Problem, Path_]:
    path, owner = _walk(model, source.values, detail["loc"])
    path = stated(path, source)
    kind, value, context = detail["type"], detail["input"], detail.get("ctx", {})
    expected = detail["msg"].removeprefix("Input should be ").removeprefix("Value error, ")
    problem = _Details(path, source, found=_shown(value))
    key = _name(path)
    if kind == "extra_forbidden":
        fields = list(owner.model_fields) if owner else []
        message = f"`{key}` is not a field of {_title(owner)}."
        elsewhere = _kinds_with(key, model, detail["loc"]) if owner else ""
        near = nearest(key, fields)
        return problem.make("unknown_field", message, expected="one of " + ", ".join(fields), nearest=near, remedy=elsewhere), path
    if kind == "missing":
        return problem.make("missing_field", f"`{key}` is missing.", found=""), path
    if kind == "union_tag_not_found":
        return problem.make("missing_field", f"`{key}` does not say its `kind`.", expected="kind: one of " + context.get("expected_tags", _tags(model, detail["loc"]))), path
    if kind == "union_tag_invalid":
        tags = context["expected_tags"].replace("'", "")
        tag = context["tag"]
        return problem.make("wrong_value", f"There is no kind `{tag}` of {key}.", expected="one of " + tags, found=tag, nearest=nearest(tag, tags.split(", "))), path
    if kind == "literal_error":
        choices = [choice.strip("' ") for choice in context["expected"].replace(" or ", ", ").split(",")]
        return problem.make("wrong_value", f"`{key}` has no such choice.", expected=expected.replace("'", ""), nearest=nearest(value, choices)), path
    if kind == "value_error":
        return problem.make("contradiction", expected, found=""), path
    if kind.endswith(("_type", "_attributes_type")) or kind == "int_from_float":
        expected = expected.replace("a valid dictionary or object to extract fields from", "a mapping")
        expected = expected.replace("a valid dictionary or instance of", "a mapping:").replace("a valid ", "a ").replace("tuple", "list").replace("a integer", "an integer")
        return problem.make("wrong_type", f"`{key}` has the wrong type." if key else "The document is not a mapping.", expected=expected), path
    return problem.make("out_of_range", f"`{key}` is out of range.", expected=expected), path


class _Details:
    def __init__(self, path: Path_, source: Source, found: str) -> None:
        self.common = {"path": dotted(path), "place": source.place(path), "found": found}

    def make(self, code: str, message: str, **details: str) -> Problem:
        return Problem(code, message, **(self.common | details))  # type: ignore[arg-type]


def _name(path: Path_) -> str:
    """The last field of a path, with the indices after it: `shape[2]`."""
    fields = [part for part in path if isinstance(part, str)]
    indices = "".join(f"[{part}]" for part in path[len(path) - path[::-1].index(fields[-1]) :]) if fields else ""
    return (fields[-1] if fields else "") + indices


def _shown(value: Any) -> str:
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list | tuple):
        return f"a list of {len(value)}"
    if value is None:
        return "nothing (null)"
    text = str(value).lower() if isinstance(value, bool) else repr(value) if isinstance(value, str) else str(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _title(model: type[BaseModel] | None) -> str:
    if model is None:
        return "this mapping"
    words = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", model.__name__).lower()
    return ("an " if words[0] in "aeiou" else "a ") + words


def _walk(model: type[BaseModel], values: Any, loc: tuple[Any, ...]) -> tuple[Path_, type[BaseModel] | None]:
    """The document path of a pydantic location (which names union members too), and the model that owns its end."""
    path: list[str | int] = []
    models: list[type[BaseModel]] = [model]
    owner: type[BaseModel] | None = model
    for part in loc:
        if isinstance(part, int):
            path.append(part)
            continue
        member = next((m for m in models if len(models) > 1 and _kind(m) == part), None)
        if member:
            models = [member]
            continue
        owner = models[0] if len(models) == 1 else None
        path.append(part)
        field = owner.model_fields.get(part) if owner else None
        models = list(_models(field.annotation)) if field else []
    return tuple(path), owner


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    """The models that an annotation names, through unions, tuples and `Annotated`."""
    if isinstance(annotation, type) and not isinstance(annotation, types.GenericAlias) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in typing.get_args(annotation):
        yield from _models(argument)


def _kind(model: type[BaseModel]) -> str | None:
    field = model.model_fields.get("kind")
    return typing.get_args(field.annotation)[0] if field else None


def _siblings(model: type[BaseModel], loc: tuple[Any, ...]) -> list[type[BaseModel]]:
    """The members of the union that the last model on the way to `loc` belongs to."""
    models: list[type[BaseModel]] = [model]
    union: list[type[BaseModel]] = []
    for part in loc:
        if isinstance(part, int):
            continue
        if len(models) > 1:
            union = models
            models = [m for m in models if _kind(m) == part]
            continue
        field = models[0].model_fields.get(part) if models else None
        models = list(_models(field.annotation)) if field else []
        union = models if len(models) > 1 else union if not field else []
    return union


def _kinds_with(key: str, model: type[BaseModel], loc: tuple[Any, ...]) -> str:
    kinds = [str(_kind(m)) for m in _siblings(model, loc) if key in m.model_fields]
    return f"`{key}` belongs to kind: " + " or ".join(kinds) if kinds else ""


def _tags(model: type[BaseModel], loc: tuple[Any, ...]) -> str:
    return ", ".join(str(_kind(m)) for m in _siblings(model, loc))
