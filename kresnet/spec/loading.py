"""From a reference to a validated spec or recipe: find, read, extend, override, validate."""

from __future__ import annotations

import copy
import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from kresnet.errors import KresnetError, Place, Problem, make_error
from kresnet.spec import library
from kresnet.spec.architecture import Spec
from kresnet.spec.base import Document, merge
from kresnet.spec.document import MAX_DEPTH, KeyPath, SourceDocument, parse_document, read_document, require_size
from kresnet.spec.from_python import plain_values
from kresnet.spec.locations import stated_path
from kresnet.spec.scaling import expand_scaling
from kresnet.spec.validation import sort_by_place, validate
from kresnet.spec.widths import expand_widths

if TYPE_CHECKING:
    from kresnet.spec.recipe import Recipe
    from kresnet.spec.search import Search
    from kresnet.spec.study import Study

Model = TypeVar("Model", bound=Document)

#: What the path of an override begins with that is of the recipe.
_RECIPE = "recipe."

#: Documents that may extend each other in a row.
MAX_EXTENDS = 16

#: What a spec says of itself and not of its network; a spec that extends another does not inherit it.
_NOT_INHERITED = ("source", "published")


@dataclass(frozen=True, slots=True)
class Override:
    """A setting to be changed: its path, the value, and where that was written."""

    path: str
    value: Any
    place: Place

    def __str__(self) -> str:
        """As `--set` takes it; JSON is YAML."""
        return f"{self.path}={json.dumps(self.value, ensure_ascii=False)}"


@dataclass(frozen=True, slots=True)
class LoadedDocument(Generic[Model]):
    """A validated document, and where it came from; one that was given in Python has no path."""

    value: Model
    source: SourceDocument
    path: Path | None

    def locate_error(self, error: KresnetError, prefix: str = "") -> KresnetError:
        """Return the error with file, line and column of each problem that names a path in this document.

        Args:
            error: to be shown.
            prefix: what such paths begin with; others are of another document.
        """
        return KresnetError(sort_by_place(self._locate_problem(problem, prefix) for problem in error.problems))

    def _locate_problem(self, problem: Problem, below: str) -> Problem:
        if problem.place or not problem.path:
            return problem
        path = _split_path(problem.path)
        if below:
            if path[0] != below:
                return problem
            path = path[1:]
        return replace(problem, place=self.source.place(stated_path(path, self.source)))


#: What a caller in Python may name a document by: a path, a shipped name, its values, or one that was loaded.
Reference = str | os.PathLike[str] | Mapping[str, Any] | Document | LoadedDocument[Any]
#: What a caller in Python may change of it: values by path, or `PATH=VALUE` texts as on the command line.
Overrides = Mapping[str, Any] | Iterable[str | Override]


def load_spec(reference: Reference, overrides: Overrides = (), base_folder: Path | None = None) -> LoadedDocument[Spec]:
    """Load the spec that `reference` means, with overrides applied in turn; relative paths begin in `base_folder`.

    Raises:
        KresnetError: all problems of the document at once.
    """
    return _load(Spec, reference, "specs", overrides, base_folder)


def load_study(reference: Reference) -> LoadedDocument[Study]:
    """Load the study that `reference` means.

    Raises:
        KresnetError: all problems of the document at once.
    """
    from kresnet.spec.study import Study  # here, as below: a plan needs neither, and making their models takes time

    return _load(Study, reference, "studies", ())


def load_search(reference: Reference) -> LoadedDocument[Search]:
    """Load the search that `reference` means.

    Raises:
        KresnetError: all problems of the document at once.
    """
    from kresnet.spec.search import Search

    return _load(Search, reference, "searches", ())


def load_recipe(
    reference: Reference, overrides: Overrides = (), base_folder: Path | None = None
) -> LoadedDocument[Recipe]:
    """Load the recipe that `reference` means; a relative path begins in `base_folder`.

    Raises:
        KresnetError: all problems of the document at once.
    """
    from kresnet.spec.recipe import Recipe

    return _load(Recipe, reference, "recipes", overrides, base_folder)


def load_text(
    model: type[Model], text: str, path: Path, folder: library.Folder, overrides: Overrides = ()
) -> LoadedDocument[Model]:
    """Load what the document at `path` would be if this text stood there; nothing is read but what it extends.

    Args:
        model: what the document should be.
        text: YAML or JSON.
        path: its file, which need not exist.
        folder: of the shipped documents that it may extend.
        overrides: settings to change, in turn.

    Raises:
        KresnetError: all problems of the document at once.
    """
    require_size(len(text.encode("utf-8", "surrogatepass")), str(path))
    source = _resolve_extends(parse_document(text, str(path)), path, folder, ())
    return apply_overrides(model, source, overrides, path)


def _load(
    model: type[Model],
    reference: Reference,
    folder: library.Folder,
    overrides: Overrides,
    base_folder: Path | None = None,
) -> LoadedDocument[Model]:
    if isinstance(reference, LoadedDocument):
        if isinstance(reference.value, model) and not (overrides := list_overrides(overrides)):
            return reference
        return apply_overrides(model, reference.source, overrides, reference.path)
    if isinstance(reference, str | os.PathLike):
        path = library.find_document(os.fspath(reference), folder, base_folder)
        return apply_overrides(model, _read_extended(path, folder, ()), overrides, path)
    name = f"the {library.DOCUMENT_KINDS[folder]} given in Python"
    source = SourceDocument(name, plain_values(reference, Place(name)))
    return apply_overrides(model, _resolve_extends(source, None, folder, ()), overrides)


def apply_overrides(
    model: type[Model], source: SourceDocument, overrides: Overrides, path: Path | None = None
) -> LoadedDocument[Model]:
    """Return a document with overrides applied to it in turn; `source` itself is left as it is.

    Raises:
        KresnetError: all problems of the document at once, or `bad_override`.
    """
    changed = SourceDocument(source.name, source.values, source.places)
    for override in list_overrides(overrides):
        _apply_override(changed, parse_override(override) if isinstance(override, str) else override)
    return LoadedDocument(validate(model, changed), changed, path)


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


def _read_extended(path: Path, folder: library.Folder, chain: tuple[Path, ...]) -> SourceDocument:
    """The document at `path`, merged onto the one it extends."""
    return _resolve_extends(read_document(path), path, folder, chain)


def _resolve_extends(
    source: SourceDocument, path: Path | None, folder: library.Folder, chain: tuple[Path, ...]
) -> SourceDocument:
    """A document, read from `path` if from a file, merged onto the one it extends."""
    if not isinstance(source.values, dict) or "extends" not in source.values:
        return source
    place = source.place(("extends",))
    reference = source.values.pop("extends")
    if not isinstance(reference, str):
        raise make_error(
            "wrong_type", "`extends` must be the name or the path of a document.", path="extends", place=place
        )
    try:
        base_path = library.find_document(reference, folder, base_folder=path.parent if path else None)
    except KresnetError as error:
        raise KresnetError(replace(error.problems[0], path="extends", place=place)) from None
    chain = (*chain, path.resolve()) if path else chain
    if len(chain) > MAX_EXTENDS:
        message = f"More than {MAX_EXTENDS} documents extend each other in a row."
        raise make_error("extends_cycle", message, path="extends", place=place)
    if base_path.resolve() in chain:
        names = " -> ".join(link.name for link in (*chain, base_path.resolve()))
        raise make_error("extends_cycle", f"The documents extend each other: {names}.", path="extends", place=place)
    base = _read_extended(base_path, folder, chain)
    if isinstance(base.values, dict):
        base.values = {key: value for key, value in base.values.items() if key not in _NOT_INHERITED}
    merged = merge(base.values, source.values)
    inherited = {key: at for key, at in base.places.items() if _is_inherited(key, base.values, merged)}
    return SourceDocument(source.name, merged, inherited | source.places)


def _is_inherited(path: KeyPath, base: Any, merged: Any) -> bool:
    """Whether what stands at `path` of a merged document may be the base's: no list or kind on the way is replaced."""
    for key in path:
        if isinstance(merged, list) and merged is not base:
            return False
        try:
            base, merged = base[key], merged[key]
        except (LookupError, TypeError):
            return False
    return True


def _split_path(path: str) -> KeyPath:
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
    keys = _split_path(path)
    return [".".join(map(str, each)) for each in _expand_wildcards(keys, _stated(values, keys), place)]


def change_values(values: Any, settings: Mapping[str, Any]) -> Any:
    """Return the values of a document with settings changed as overrides would; what does not change is shared.

    Args:
        values: of the document, which stay as they are.
        settings: values by paths without `*`, each of which leads through mappings and lists that are there.
    """
    for path, value in settings.items():
        keys = _split_path(path)
        values = _change(_stated(values, keys), keys, value)
    return values


def _change(node: Any, path: KeyPath, value: Any) -> Any:
    if not path:
        return merge(node, value)
    key, rest = path[0], path[1:]
    if isinstance(node, list):
        changed = [*node]
        changed[int(key)] = _change(node[int(key)], rest, value)
        return changed
    node = node or {}
    return node | {key: _change(node.get(key), rest, value)}


def _apply_override(source: SourceDocument, override: Override) -> None:
    """Apply one to the document."""
    place = override.place
    path = _split_path(override.path)
    if len(path) > MAX_DEPTH:
        raise make_error("bad_override", f"The path has more than {MAX_DEPTH} parts.", place=place)
    source.values = _stated(source.values, path)
    for each in _expand_wildcards(path, source.values, place):
        source.values = _merge_at_path(copy.deepcopy(source.values), each, override.value, each, place)
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
    if not path:
        return merge(node, value)
    key, rest = path[0], path[1:]
    if isinstance(node, list):
        if not isinstance(key, int) or key >= len(node):
            expected = f"an index from 0 to {len(node) - 1}"
            message = f"`{key}` is not an item of `{'.'.join(map(str, whole[: len(whole) - len(path)]))}`."
            raise make_error("bad_override", message, expected=expected, found=str(key), place=place)
        node[key] = _merge_at_path(node[key], rest, value, whole, place)
        return node
    if node is not None and not isinstance(node, dict):
        raise make_error("bad_override", f"`{key}` lies within a plain value.", found=str(node), place=place)
    node = node or {}
    node[str(key)] = _merge_at_path(node.get(str(key)), rest, value, whole, place)
    return node
