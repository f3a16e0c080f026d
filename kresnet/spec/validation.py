"""Turn what pydantic found wrong into problems with a code, a place and the nearest valid name."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from kresnet.errors import MOST_PROBLEMS, KresnetError, Place, Problem, nearest
from kresnet.spec.base import PATTERNS
from kresnet.spec.document import KeyPath, SourceDocument
from kresnet.spec.kinds import OpenUnion
from kresnet.spec.locations import Location, locate_error, stated_path
from kresnet.spec.nearest_settings import nearest_setting

Model = TypeVar("Model", bound=BaseModel)

#: Pydantic's types of error that mean a value of the wrong type -> the type that was expected.
_EXPECTED_TYPES = {
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
    "dict_type": "a dictionary",
    "tuple_type": "a list",
    "int_type": "an integer",
    "int_from_float": "an integer",
    "float_type": "a number",
    "string_type": "a string",
    "bool_type": "a boolean",
}

#: Pydantic's types of error that mean a number out of bounds -> the bound's name in the error's context, and words.
_EXPECTED_BOUNDS = {
    "greater_than": ("gt", "greater than"),
    "greater_than_equal": ("ge", "greater than or equal to"),
    "less_than": ("lt", "less than"),
    "less_than_equal": ("le", "less than or equal to"),
}


def validate(model: type[Model], source: SourceDocument) -> Model:
    """Return the document `source` as a `model`.

    Raises:
        KresnetError: every problem of the document at once.
    """
    try:
        return model.model_validate(source.values)
    except ValidationError as error:
        raise KresnetError(list_problems(model, source, error.errors(include_url=False))) from None


def list_problems(
    model: type[BaseModel], source: SourceDocument, details: Iterable[Mapping[str, Any]]
) -> list[Problem]:
    """Return the problems of a document in the order of its lines, each told once.

    Of every error its `type`, `loc`, `input` and `ctx` are read, and never pydantic's English: neither its `msg` nor
    the `expected` of a literal, which may be worded otherwise by the next release.

    Args:
        model: what the document should be.
        source: the document.
        details: what `pydantic.ValidationError.errors` returns.
    """
    problems: dict[tuple[str, str], Problem] = {}
    for detail in details:
        if not _is_consequence(detail, source):
            problem = _make_problem(model, locate_error(model, detail["loc"]), source, detail)
            problems.setdefault((problem.code, problem.path), problem)  # a cascaded setting fails in every stage
        if len(problems) > MOST_PROBLEMS:
            break
    return sort_by_place(problems.values())


def sort_by_place(problems: Iterable[Problem]) -> list[Problem]:
    """Return the problems in the order in which a reader meets them in the file."""

    def key(problem: Problem) -> tuple[int, int]:
        place = problem.place
        return (place.line or 0, place.column or 0) if place else (0, 0)

    return sorted(problems, key=key)


def dotted_path(path: KeyPath) -> str:
    """Return a key path as text: `("stages", 0, "width")` as `stages.0.width`."""
    return ".".join(str(key) for key in path)


def _is_consequence(detail: Mapping[str, Any], source: SourceDocument) -> bool:
    """Whether an error only repeats others: a list whose items are all invalid, a stage without the missing block."""
    if detail["type"] == "too_short":
        return len(detail["input"]) >= detail["ctx"]["min_length"]
    if detail["type"] == "missing" and detail["loc"] == ("stages",) and source.values.get("widths") is not None:
        return True  # the rule that would give them is wrong
    stage_block = detail["loc"][:1] == ("stages",) and detail["loc"][2:] == ("block",)
    return detail["type"] == "missing" and stage_block and "block" not in source.values


def _suggest(document: type[BaseModel], location: Location, path: KeyPath) -> dict[str, str]:
    """The setting that an unknown one may be meant as, and how to state it where another document has it."""
    found = nearest_setting(document, path, list(location.owner.model_fields) if location.owner else [])
    if not found.document:
        return {"nearest": found.text}
    remedy = f"override settings of {found.document} so: --set {found.text.split(' or ')[0]}=VALUE"
    if found.text.endswith(location.key):
        remedy = f"`{location.key}` is a setting of {found.document}: override it as {found.text}"
    return {"nearest": found.text, "remedy": remedy}


def _quote(path: KeyPath, value: int, place: Place) -> str:
    """How to write a text that YAML takes for a number or a flag; a shell takes one pair of quotes for its own."""
    stated = f'{path[-1]}: "{_format_value(value)}"' if isinstance(path[-1], str) else f'"{_format_value(value)}"'
    if place.file.startswith("--set "):
        name = place.file.removeprefix("--set ").partition("=")[0]
        stated = f"--set '{name}=\"{_format_value(value)}\"'"
    return f"quote it: {stated}"


def _make_problem(
    document: type[BaseModel], location: Location, source: SourceDocument, detail: Mapping[str, Any]
) -> Problem:
    path, key = stated_path(location.path, source), location.key
    if detail["type"] == "contradiction" and (field := detail["ctx"]["field"]):  # told of a mapping, about its field
        path = (*path, *(int(key) if key.isdigit() else key for key in field.split(".")))
    common: dict[str, Any] = {
        "path": dotted_path(path),
        "place": source.place(path),
        "expected": _expected(location, detail),
        "found": _format_value(detail["input"]),
    }
    code, message, details = _explain(location, key, detail)
    if detail["type"] == "extra_forbidden" and not details["remedy"]:
        details |= _suggest(document, location, path)
    elif detail["type"] == "string_type" and isinstance(detail["input"], bool | int):
        details |= {"remedy": _quote(path, detail["input"], common["place"])}
    return Problem(code, message, **(common | details))


def _expected(location: Location, detail: Mapping[str, Any]) -> str:
    """What should stand where a value is of the wrong type, no choice or out of range; empty for other errors."""
    kind, context = detail["type"], detail.get("ctx", {})
    if kind in _EXPECTED_TYPES:
        return _EXPECTED_TYPES[kind]
    if kind in _EXPECTED_BOUNDS:
        name, words = _EXPECTED_BOUNDS[kind]
        return f"{words} {_format_bound(context[name])}"
    match kind:
        case "finite_number":
            return "a finite number"
        case "literal_error":
            *others, last = map(str, location.literals)
            return f"{', '.join(others)} or {last}" if others else last
        case "string_pattern_mismatch":
            return PATTERNS[context["pattern"]]
        case "string_too_short":
            return f"String should have at least {_count(context['min_length'], 'character')}"
        case "string_too_long":
            return f"String should have at most {_count(context['max_length'], 'character')}"
        case "too_short":
            bound, actual = f"at least {_count(context['min_length'], 'item')}", context["actual_length"]
            return f"{context['field_type']} should have {bound} after validation, not {actual}"
        case "too_long":
            bound, actual = f"at most {_count(context['max_length'], 'item')}", context["actual_length"] or "more"
            return f"{context['field_type']} should have {bound} after validation, not {actual}"
    return ""


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _format_bound(bound: float) -> str:
    """A bound as a document would state it: 0 for 0.0."""
    return str(int(bound)) if bound == int(bound) else str(bound)


def _explain(location: Location, key: str, detail: Mapping[str, Any]) -> tuple[str, str, dict[str, str]]:
    """Code, message, and what else is known of an error, by pydantic's type of it."""
    kind, value, context = detail["type"], detail["input"], detail.get("ctx", {})
    match kind:
        case "extra_forbidden":
            fields = list(location.owner.model_fields) if location.owner else []
            remedy = ""
            if elsewhere := location.kinds(having=key):
                remedy = f"`{key}` belongs to kind: {' or '.join(elsewhere)}"
            return (
                "unknown_field",
                f"`{key}` is not a field of {_describe_model(location.owner)}.",
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
            member = location.union[0] if key.endswith("]") and location.union else None  # of a list: metrics[0]
            noun = member.kinds.noun if member and issubclass(member, OpenUnion) else key
            return "wrong_value", f"There is no kind `{tag}` of {noun}.", details
        case "literal_error":
            words = [literal for literal in location.literals if isinstance(literal, str)]
            return "wrong_value", f"`{key}` has no such choice.", {"nearest": nearest(value, words)}
        case "extension":
            [problem] = context["error"].problems
            details = {"expected": problem.expected, "found": problem.found, "remedy": problem.remedy}
            return problem.code, problem.message, details
        case "contradiction":
            details = {"expected": "", "found": "", "remedy": context["remedy"]}
            return "contradiction", f"{context['message']}.", details
    if kind.endswith("_type") or kind == "int_from_float":
        return "wrong_type", f"`{key}` has the wrong type." if key else "The document is not a mapping.", {}
    if kind == "string_pattern_mismatch":
        return "out_of_range", f"`{key}` cannot be spelled so.", {}
    return "out_of_range", f"`{key}` is out of range.", {}


def _describe_model(model: type[BaseModel] | None) -> str:
    """`ConvStem` as `a conv stem`."""
    if model is None:
        return "this mapping"
    words = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", model.__name__).lower()
    return ("an " if words[0] in "aeiou" else "a ") + words


def _format_value(value: Any) -> str:
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
