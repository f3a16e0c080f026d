"""Turn what pydantic found wrong into problems with a code, a place and the nearest valid name."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from kresnet.errors import MOST_PROBLEMS, KresnetError, Problem, nearest
from kresnet.spec.architecture import Spec
from kresnet.spec.document import Path_, Source
from kresnet.spec.locations import Location, locate, stated
from kresnet.spec.recipe import Recipe

Model = TypeVar("Model", bound=BaseModel)

#: Pydantic's words (a pattern) -> ours, in order.
_WORDS = (
    (r"Input should be |Value error, |'", ""),
    (r"a valid dictionary or .*", "a mapping"),
    (r"a valid integer.*", "an integer"),
    (r"a valid ", "a "),
    (r"tuple", "list"),
)


def validate(model: type[Model], source: Source) -> Model:
    """`source` as a `model`.

    Raises:
        KresnetError: every problem of the document at once.
    """
    try:
        return model.model_validate(source.values)
    except ValidationError as error:
        problems: dict[tuple[str, str], Problem] = {}
        for detail in error.errors(include_url=False):
            if not _is_consequence(detail, source):
                problem = _problem(locate(model, detail["loc"]), source, detail)
                problems.setdefault((problem.code, problem.path), problem)  # a cascaded setting fails in every stage
            if len(problems) > MOST_PROBLEMS:
                break
        raise KresnetError(sort_by_place(problems.values())) from None


def sort_by_place(problems: Iterable[Problem]) -> list[Problem]:
    """The problems in the order in which a reader meets them in the file."""

    def key(problem: Problem) -> tuple[int, int]:
        place = problem.place
        return (place.line or 0, place.column or 0) if place else (0, 0)

    return sorted(problems, key=key)


def dotted(path: Path_) -> str:
    """`("stages", 0, "width")` as `stages.0.width`."""
    return ".".join(str(part) for part in path)


def _is_consequence(detail: Any, source: Source) -> bool:
    """Whether an error only repeats others: a list whose items are all invalid, a stage without the missing block."""
    if detail["type"] == "too_short":
        return len(detail["input"]) >= detail["ctx"]["min_length"]
    stage_block = detail["loc"][:1] == ("stages",) and detail["loc"][2:] == ("block",)
    return detail["type"] == "missing" and stage_block and "block" not in source.values


def _problem(location: Location, source: Source, detail: Any) -> Problem:
    path, key = stated(location.path, source), location.key
    if detail["type"] == "contradiction":  # told of a mapping, about one of its fields
        named = detail["ctx"]["field"].split(".")
        path = (*path, *(int(part) if part.isdigit() else part for part in named))
    expected = detail["msg"]
    for theirs, ours in _WORDS:
        expected = re.sub(theirs, ours, expected)
    common: dict[str, Any] = {
        "path": dotted(path),
        "place": source.place(path),
        "expected": expected,
        "found": _shown(detail["input"]),
    }
    code, message, details = _explain(location, key, detail)
    return Problem(code, message, **(common | details))


def _explain(location: Location, key: str, detail: Any) -> tuple[str, str, dict[str, str]]:
    """Code, message, and what else is known of an error, by pydantic's type of it."""
    kind, value, context = detail["type"], detail["input"], detail.get("ctx", {})
    match kind:
        case "extra_forbidden":
            fields = list(location.owner.model_fields) if location.owner else []
            remedy = ""
            if elsewhere := location.kinds(having=key):
                remedy = f"`{key}` belongs to kind: {' or '.join(elsewhere)}"
            elif location.owner is Spec and key in Recipe.model_fields:
                remedy = f"`{key}` is a setting of recipes: override it as recipe.{key}"
            return (
                "unknown_field",
                f"`{key}` is not a field of {_title(location.owner)}.",
                {"expected": "one of " + ", ".join(fields), "nearest": nearest(key, fields), "remedy": remedy},
            )
        case "missing":
            return "missing_field", f"`{key}` is missing.", {"expected": "", "found": ""}
        case "union_tag_not_found":
            expected = "kind: one of " + ", ".join(location.kinds())
            return "missing_field", f"`{key}` does not say its `kind`.", {"expected": expected}
        case "union_tag_invalid":
            tag, kinds = context["tag"], location.kinds()
            details = {"expected": "one of " + ", ".join(kinds), "found": tag, "nearest": nearest(tag, kinds)}
            return "wrong_value", f"There is no kind `{tag}` of {key}.", details
        case "literal_error":
            choices = re.findall(r"'([^']*)'", context["expected"])
            return "wrong_value", f"`{key}` has no such choice.", {"nearest": nearest(value, choices)}
        case "contradiction":
            return "contradiction", detail["msg"] + ".", {"expected": "", "found": "", "remedy": context["remedy"]}
        case "value_error":
            return "contradiction", str(context["error"]), {"expected": "", "found": ""}
    if kind.endswith("_type") or kind == "int_from_float":
        return "wrong_type", f"`{key}` has the wrong type." if key else "The document is not a mapping.", {}
    return "out_of_range", f"`{key}` is out of range.", {}


def _title(model: type[BaseModel] | None) -> str:
    """`ConvStem` as `a conv stem`."""
    if model is None:
        return "this mapping"
    words = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", model.__name__).lower()
    return ("an " if words[0] in "aeiou" else "a ") + words


def _shown(value: Any) -> str:
    """A value as the document writes it, cut short."""
    match value:
        case dict():
            return "a mapping"
        case list() | tuple():
            return f"a list of {len(value)}"
        case None:
            return "nothing (null)"
        case bool():
            return str(value).lower()
    text = repr(value) if isinstance(value, str) else str(value)
    return text if len(text) <= 60 else text[:57] + "..."
