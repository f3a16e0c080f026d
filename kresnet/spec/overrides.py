"""Overrides: settings of a document that are changed by their paths, from the command line or from Python."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from kresnet.errors import KresnetError, Place, make_error
from kresnet.spec.base import merge
from kresnet.spec.document import MAX_DEPTH, KeyPath, SourceDocument, parse_document
from kresnet.spec.from_python import plain_values
from kresnet.spec.scaling import expand_scaling
from kresnet.spec.widths import expand_widths

#: What the path of an override begins with that is of the recipe.
_RECIPE = "recipe."


@dataclass(frozen=True, slots=True)
class Override:
    """A setting to be changed: its path, the value, and where that was written."""

    path: str
    value: Any
    place: Place

    def __str__(self) -> str:
        """As `--set` takes it; JSON is YAML."""
        return f"{self.path}={json.dumps(self.value, ensure_ascii=False)}"


#: What a caller in Python may change of a document: values by path, or `PATH=VALUE` texts as on the command line.
Overrides = Mapping[str, Any] | Iterable[str | Override]


def list_overrides(overrides: Overrides) -> list[str | Override]:
    """Return overrides that were given in either form as a list.

    Raises:
        KresnetError: `bad_override`, or `wrong_type` and what else `kresnet.spec.from_python.plain` raises.
    """
    if isinstance(overrides, str):
        return [overrides]
    if isinstance(overrides, Mapping):
        places = [(path, value, Place(f"override {path!r}")) for path, value in overrides.items()]
        return [
            Override(_require_path(path, place), plain_values(value, place), place) for path, value, place in places
        ]
    listed: list[Any] = list(overrides) if isinstance(overrides, Iterable) else [overrides]
    for each in listed:
        if not isinstance(each, str | Override):
            _require_path(each, Place("overrides"))
    return listed


def _require_path(path: Any, place: Place) -> str:
    if isinstance(path, str):
        return path
    remedy = '{"stages.0.width": 32} or ["stages.0.width=32"]'
    raise make_error("bad_override", "Overrides are a mapping of paths to values, or texts PATH=VALUE.", place=place,
               found=repr(path)[:60], remedy=remedy)  # fmt: skip


def split_path(path: str) -> KeyPath:
    """`stages.0.width` as `("stages", 0, "width")`; nothing has as many items as ten digits could count."""
    numbers = (key.isascii() and key.isdigit() and len(key) < 10 for key in path.split("."))
    return tuple(int(key) if number else key for key, number in zip(path.split("."), numbers, strict=True))


def split_overrides(overrides: Overrides) -> tuple[list[str | Override], list[str | Override]]:
    """Return the overrides of the spec, and those of the recipe, whose prefix `recipe.` is taken off."""
    spec: list[str | Override] = []
    recipe: list[str | Override] = []
    for each in list_overrides(overrides):
        path = each if isinstance(each, str) else each.path
        if not path.startswith(_RECIPE):
            spec.append(each)
        elif isinstance(each, str):
            recipe.append(_without_prefix(parse_override(each)))
        else:
            recipe.append(_without_prefix(each))
    return spec, recipe


def override_path(override: str | Override) -> str:
    """The path of the setting that an override changes."""
    return override.partition("=")[0] if isinstance(override, str) else override.path


def _without_prefix(override: Override) -> Override:
    """The override as the recipe takes it; its place still says what was typed."""
    return replace(override, path=override.path.removeprefix(_RECIPE))


def parse_override(text: str) -> Override:
    """Parse a `PATH=VALUE` of the command line, where VALUE is YAML.

    Raises:
        KresnetError: `bad_override`.
    """
    place = Place(f"--set {text}")
    name, equals, value_text = text.partition("=")
    if not equals or not name:
        raise make_error(
            "bad_override", "An override is written PATH=VALUE.", place=place, remedy="--set stages.0.width=32"
        )
    try:
        return Override(name, parse_document(value_text, place.file).values if value_text.strip() else None, place)
    except KresnetError as error:
        raise KresnetError(replace(error.problems[0], code="bad_override", place=place)) from None


def expand_path(path: str, values: Any, place: Place) -> list[str]:
    """Return the paths of single settings that a path with `*` stands for in a document: one for each item of a list.

    Raises:
        KresnetError: `bad_override`.
    """
    keys = split_path(path)
    return [".".join(map(str, each)) for each in _expand_wildcards(keys, _stated(values, keys), place)]


def change_values(values: Any, settings: Mapping[str, Any]) -> Any:
    """Return the values of a document with settings changed as overrides would; what does not change is shared.

    Args:
        values: of the document, which stay as they are.
        settings: values by paths without `*`, each of which leads through mappings and lists that are there.
    """
    for path, value in settings.items():
        keys = split_path(path)
        values = _merge_at_path(_stated(values, keys), keys, value, keys, Place(path))
    return values


def apply_override(source: SourceDocument, override: Override) -> None:
    """Apply an override to a document, in place.

    Raises:
        KresnetError: `bad_override`.
    """
    place = override.place
    path = split_path(override.path)
    if len(path) > MAX_DEPTH:
        raise make_error("bad_override", f"The path has more than {MAX_DEPTH} parts.", place=place)
    source.values = _stated(source.values, path)
    for each in _expand_wildcards(path, source.values, place):
        source.values = _merge_at_path(source.values, each, override.value, each, place)
        kept = {key: at for key, at in source.places.items() if key[: len(each)] != each}
        made = {each[:end]: place for end in range(1, len(each) + 1)}  # mappings on the way that nothing stated before
        source.places = made | kept | {each: place}


def _stated(values: Any, path: KeyPath) -> Any:
    """The values of a spec with what a rule gives stated, where a part of that is to be changed."""
    if not isinstance(values, dict):
        return values
    scales = path[0] in ("stages", "stem", "neck") and values.get("scaling") is not None
    if (path[0] == "stages" or scales) and values.get("widths") is not None:
        block = values.get("block")
        if stages := expand_widths(values, block if isinstance(block, dict) else {}):
            values = {key: value for key, value in values.items() if key != "widths"} | {"stages": stages}
    return {key: value for key, value in expand_scaling(values).items() if key != "scaling"} if scales else values


def _expand_wildcards(path: KeyPath, values: Any, place: Place) -> list[KeyPath]:
    """The paths that one with `*` stands for: one an item of the list there."""
    if "*" not in path:
        return [path]
    at = path.index("*")
    node = values
    for key in path[:at]:
        known = isinstance(node, dict) or (isinstance(node, list) and isinstance(key, int) and key < len(node))
        node = (node.get(key) if isinstance(node, dict) else node[key]) if known else None
    if not isinstance(node, list):
        message = f"`*` stands for every item of a list, and `{'.'.join(map(str, path[:at]))}` is none."
        raise make_error("bad_override", message, place=place, remedy="--set stages.*.blocks=3")
    items = ((*path[:at], index, *path[at + 1 :]) for index in range(len(node)))
    return [each for item in items for each in _expand_wildcards(item, values, place)]


def _merge_at_path(node: Any, path: KeyPath, value: Any, whole: KeyPath, place: Place) -> Any:
    """Return a document with a value merged onto what stands at `path`; what lies beside the path is shared."""
    if not path:
        return merge(node, value)
    key, rest = path[0], path[1:]
    if isinstance(node, list):
        if not isinstance(key, int) or key >= len(node):
            expected = f"an index from 0 to {len(node) - 1}"
            message = f"`{key}` is not an item of `{'.'.join(map(str, whole[: len(whole) - len(path)]))}`."
            raise make_error("bad_override", message, expected=expected, found=str(key), place=place)
        return [*node[:key], _merge_at_path(node[key], rest, value, whole, place), *node[key + 1 :]]
    if node is not None and not isinstance(node, dict):
        raise make_error("bad_override", f"`{key}` lies within a plain value.", found=str(node), place=place)
    node, key = node or {}, str(key)
    return node | {key: _merge_at_path(node.get(key), rest, value, whole, place)}
