"""From a reference on the command line to a validated spec or recipe: find, read, extend, override, validate."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Generic, TypeVar

from kresnet.errors import KresnetError, Place, Problem, fail
from kresnet.spec import library
from kresnet.spec.architecture import Spec
from kresnet.spec.base import Document, merge
from kresnet.spec.document import MAX_DEPTH, Path_, Source, parse, read
from kresnet.spec.locations import stated
from kresnet.spec.recipe import Recipe
from kresnet.spec.validation import sort_by_place, validate

Model = TypeVar("Model", bound=Document)

#: Documents that may extend each other in a row.
MOST_EXTENDED = 16

#: What a spec says of itself and not of its network; a spec that extends another does not inherit it.
_OWN = ("source", "published")


@dataclass(frozen=True, slots=True)
class Loaded(Generic[Model]):
    """A validated document, and where it came from."""

    value: Model
    source: Source
    path: Path

    def locate(self, error: KresnetError, below: str = "") -> KresnetError:
        """The error with file, line and column of each problem that names a path in this document.

        Args:
            error: to be shown.
            below: what such paths begin with; others are of another document.
        """
        return KresnetError(sort_by_place(self._located(problem, below) for problem in error.problems))

    def _located(self, problem: Problem, below: str) -> Problem:
        if problem.place or not problem.path:
            return problem
        path = _split(problem.path)
        if below:
            if path[0] != below:
                return problem
            path = path[1:]
        return replace(problem, place=self.source.place(stated(path, self.source)))


def load_spec(reference: str, overrides: Sequence[str] = ()) -> Loaded[Spec]:
    """The spec that `reference` (a path or a shipped name) means, with `PATH=VALUE` overrides applied.

    Raises:
        KresnetError: all problems of the document at once.
    """
    return _load(Spec, library.find(reference), "specs", overrides)


def load_recipe(reference: str, overrides: Sequence[str] = (), beside: Path | None = None) -> Loaded[Recipe]:
    """The recipe that `reference` means; a relative path is looked for in `beside`.

    Raises:
        KresnetError: all problems of the document at once.
    """
    return _load(Recipe, library.find(reference, "recipes", beside), "recipes", overrides)


def _load(model: type[Model], path: Path, folder: library.Folder, overrides: Sequence[str]) -> Loaded[Model]:
    source = _extended(path, folder, ())
    for text in overrides:
        _override(source, text)
    return Loaded(validate(model, source), source, path)


def _extended(path: Path, folder: library.Folder, chain: tuple[Path, ...]) -> Source:
    """The document at `path`, merged onto the one it extends."""
    source = read(path)
    if not isinstance(source.values, dict) or "extends" not in source.values:
        return source
    place = source.place(("extends",))
    reference = source.values.pop("extends")
    if not isinstance(reference, str):
        raise fail("wrong_type", "`extends` must be the name or the path of a document.", path="extends", place=place)
    try:
        base_path = library.find(reference, folder, beside=path.parent)
    except KresnetError as error:
        raise KresnetError(replace(error.problems[0], path="extends", place=place)) from None
    chain = (*chain, path.resolve())
    if len(chain) > MOST_EXTENDED:
        message = f"More than {MOST_EXTENDED} documents extend each other in a row."
        raise fail("extends_cycle", message, path="extends", place=place)
    if base_path.resolve() in chain:
        names = " -> ".join(link.name for link in (*chain, base_path.resolve()))
        raise fail("extends_cycle", f"The documents extend each other: {names}.", path="extends", place=place)
    base = _extended(base_path, folder, chain)
    if isinstance(base.values, dict):
        base.values = {key: value for key, value in base.values.items() if key not in _OWN}
    merged = merge(base.values, source.values)
    inherited = {key: at for key, at in base.places.items() if _inherited(key, base.values, merged)}
    return Source(source.name, merged, inherited | source.places)


def _inherited(path: Path_, base: Any, merged: Any) -> bool:
    """Whether what stands at `path` of a merged document may be the base's: no list or kind on the way is replaced."""
    for part in path:
        if isinstance(merged, list) and merged is not base:
            return False
        try:
            base, merged = base[part], merged[part]
        except (LookupError, TypeError):
            return False
    return True


def _split(path: str) -> Path_:
    """`stages.0.width` as `("stages", 0, "width")`; nothing has as many items as ten digits could count."""
    numbers = (part.isascii() and part.isdigit() and len(part) < 10 for part in path.split("."))
    return tuple(int(part) if number else part for part, number in zip(path.split("."), numbers, strict=True))


def split_overrides(overrides: Iterable[str]) -> tuple[list[str], list[str]]:
    """`--set` options apart: those of the spec, and those of the recipe (`recipe.` taken off)."""
    spec: list[str] = []
    recipe: list[str] = []
    for text in overrides:
        (recipe if text.startswith("recipe.") else spec).append(text.removeprefix("recipe."))
    return spec, recipe


def _override(source: Source, text: str) -> None:
    """Apply one `PATH=VALUE` to the document, VALUE being YAML."""
    place = Place(f"--set {text}")
    name, equals, value_text = text.partition("=")
    if not equals or not name:
        raise fail("bad_override", "An override is written PATH=VALUE.", place=place, remedy="--set stages.0.width=32")
    try:
        value = parse(value_text, place.file).values if value_text.strip() else None
    except KresnetError as error:
        raise KresnetError(replace(error.problems[0], code="bad_override", place=place)) from None
    path = _split(name)
    if len(path) > MAX_DEPTH:
        raise fail("bad_override", f"The path has more than {MAX_DEPTH} parts.", place=place)
    source.values = _replaced(copy.deepcopy(source.values), path, value, path, place)
    source.places = {key: at for key, at in source.places.items() if key[: len(path)] != path} | {path: place}


def _replaced(node: Any, path: Path_, value: Any, whole: Path_, place: Place) -> Any:
    if not path:
        return merge(node, value)
    key, rest = path[0], path[1:]
    if isinstance(node, list):
        if not isinstance(key, int) or key >= len(node):
            found = f"an index from 0 to {len(node) - 1}"
            message = f"`{key}` is not an item of `{'.'.join(map(str, whole[: len(whole) - len(path)]))}`."
            raise fail("bad_override", message, expected=found, found=str(key), place=place)
        node[key] = _replaced(node[key], rest, value, whole, place)
        return node
    if node is not None and not isinstance(node, dict):
        raise fail("bad_override", f"`{key}` lies within a plain value.", found=str(node), place=place)
    node = node or {}
    node[str(key)] = _replaced(node.get(str(key)), rest, value, whole, place)
    return node
