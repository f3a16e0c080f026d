"""The setting that an unknown one may be meant as, looked for where else a document, or the one beside it, has it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import cache

from pydantic import BaseModel

from kresnet.errors import nearest
from kresnet.spec.architecture import Spec
from kresnet.spec.document import KeyPath
from kresnet.spec.locations import field_models

#: Keys of a setting, `*` for every index.
SettingPath = tuple[str, ...]

#: A name that stands in more places than these says nothing about which was meant.
_MOST_PLACES = 4
#: How alike two names must be that do not stand side by side.
_ALIKE = 0.8


@dataclass(frozen=True, slots=True)
class NearestSetting:
    """What an unknown setting may be meant as.

    Attributes:
        text: a name that the mapping has, or dotted paths within the document, with ` or ` between them; empty if
            nothing is like it.
        document: what the document is called that has it, where that is another one: `recipes` or `specs`; then a path
            is as the command line takes it.
    """

    text: str
    document: str = ""


@cache
def setting_paths(document: type[BaseModel]) -> tuple[SettingPath, ...]:
    """The paths of all settings that a document may have, whatever kinds are chosen on the way."""
    return tuple(dict.fromkeys(_walk(document, ())))


def _walk(model: type[BaseModel], above: SettingPath) -> Iterator[SettingPath]:
    for name, known in model.model_fields.items():
        path = (*above, name)
        yield path
        for inner, in_list in field_models(known.annotation):
            yield from _walk(inner, (*path, "*") if in_list else path)


def _beside(document: type[BaseModel]) -> tuple[type[BaseModel] | None, str]:
    """Return the document beside one, and what the paths of its settings begin with on the command line."""
    from kresnet.spec.recipe import Recipe

    beside: dict[type[BaseModel], tuple[type[BaseModel], str]] = {Spec: (Recipe, "recipe."), Recipe: (Spec, "")}
    return beside.get(document, (None, ""))


def nearest_setting(document: type[BaseModel], path: KeyPath, fields: Sequence[str]) -> NearestSetting:
    """What the unknown setting at `path` may be meant as.

    The same name elsewhere is better than another name in the same place: first one level down, then one up, then
    anywhere in the document, then in the spec for a recipe and in the recipe for a spec. After these come names spelled
    alike: the one most alike in the same place or one level down or up, then in the other document.

    Args:
        document: model of the document.
        path: keys and indices that lead to the setting.
        fields: settings that the mapping there has.
    """
    above, key = tuple("*" if isinstance(part, int) else part for part in path[:-1]), str(path[-1])
    elsewhere = [each for each in setting_paths(document) if each[:-1] != above]
    up = above[: -2 if above[-1:] == ("*",) else -1]
    down = [each for each in elsewhere if each[: len(above)] == above and _levels(each[len(above) :]) == 2]
    near = down + [each for each in elsewhere if above and each[:-1] == up]
    if found := _same(down, key) or _same(near, key) or _same(elsewhere, key):
        return NearestSetting(found)
    other, prefix = _beside(document)
    others = setting_paths(other) if other else ()
    named = f"{other.__name__.lower()}s" if other else ""
    if found := _same(others, key, prefix):
        return NearestSetting(found, named)
    own, displaced = nearest(key, list(fields)), _alike(near, key)
    if found := max(filter(None, (own, displaced)), key=lambda each: _ratio(each.split(".")[-1], key), default=""):
        return NearestSetting(found)
    found = _alike([each for each in others if len(each) <= 2], key, prefix)
    return NearestSetting(found, named if found else "")


def _levels(path: SettingPath) -> int:
    """How many mappings a path leads through; a list is none."""
    return len(path) - path.count("*")


def _same(paths: Sequence[SettingPath], key: str, prefix: str = "") -> str:
    """The paths that end in a name, unless there are too many."""
    found = [prefix + ".".join(path) for path in paths if path[-1] == key]
    return " or ".join(found) if len(found) <= _MOST_PLACES else ""


def _ratio(name: str, key: str) -> float:
    return SequenceMatcher(None, name, key.lower()).ratio()


def _alike(paths: Sequence[SettingPath], key: str, prefix: str = "") -> str:
    """The path whose last name is spelled most like another, if that is like enough."""
    ratios = {path: _ratio(path[-1], key) for path in paths}
    best = max(ratios, key=lambda path: ratios[path], default=None)
    return prefix + ".".join(best) if best and ratios[best] >= _ALIKE else ""


__all__ = ["NearestSetting", "nearest_setting", "setting_paths"]
