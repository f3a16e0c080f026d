"""From a reference to a validated spec or recipe: find, read, extend, override, validate."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from kresnet.errors import KresnetError, Place, Problem, make_error
from kresnet.spec import library
from kresnet.spec.architecture import Spec
from kresnet.spec.base import Document, merge
from kresnet.spec.document import KeyPath, SourceDocument, parse_document, read_document, require_size
from kresnet.spec.from_python import plain_values
from kresnet.spec.locations import stated_path
from kresnet.spec.overrides import Overrides, apply_override, list_overrides, parse_override, split_path
from kresnet.spec.validation import sort_by_place, validate

if TYPE_CHECKING:
    from kresnet.spec.recipe import Recipe
    from kresnet.spec.search import Search
    from kresnet.spec.study import Study

Model = TypeVar("Model", bound=Document)

#: Documents that may extend each other in a row.
MAX_EXTENDS = 16

#: What a spec says of itself and not of its network; a spec that extends another does not inherit it.
_NOT_INHERITED = ("source", "published")


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
        path = split_path(problem.path)
        if below:
            if path[0] != below:
                return problem
            path = path[1:]
        return replace(problem, place=self.source.place(stated_path(path, self.source)))


#: What a caller in Python may name a document by: a path, a shipped name, its values, or one that was loaded.
Reference = str | os.PathLike[str] | Mapping[str, Any] | Document | LoadedDocument[Any]


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
        apply_override(changed, parse_override(override) if isinstance(override, str) else override)
    return LoadedDocument(validate(model, changed), changed, path)


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
