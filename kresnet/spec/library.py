"""The specs, recipes and studies that ship with kresnet, by name."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Literal

from kresnet.errors import make_error, nearest

Folder = Literal["specs", "recipes", "studies", "searches"]

#: Endings of documents' files.
SUFFIXES = (".yaml", ".yml", ".json")

#: What a document of each folder is called.
DOCUMENT_KINDS: dict[Folder, str] = {"specs": "spec", "recipes": "recipe", "studies": "study", "searches": "search"}


@cache
def shipped_directory(folder: Folder = "specs") -> Path:
    """Return the folder of shipped documents: inside the installed package, or the checkout's own."""
    package = Path(__file__).resolve().parents[1]
    specs = package / "specs" if (package / "specs").is_dir() else package.parent / "specs"
    return specs if folder == "specs" else specs / folder


@cache
def shipped_names(folder: Folder = "specs") -> tuple[str, ...]:
    """Return the names of the shipped documents, sorted."""
    return tuple(sorted(path.stem for path in shipped_directory(folder).glob("*.yaml")))


def find_document(reference: str, folder: Folder = "specs", base_folder: Path | None = None) -> Path:
    """Return the file that `reference` means: a path, or a shipped name.

    Args:
        reference: what a user or a document wrote.
        folder: which shipped documents.
        base_folder: the folder of the document that wrote it, which must hold the file; nothing outside it is touched.

    Raises:
        KresnetError: `unknown_name`, `file_missing`, or `file_unreadable` if the path leads out of `base_folder`.
    """
    looks_like_path = "/" in reference or "\\" in reference or Path(reference).suffix in SUFFIXES
    if not looks_like_path and reference in shipped_names(folder):
        return shipped_directory(folder) / f"{reference}.yaml"
    path = (base_folder or Path()) / reference
    try:
        if base_folder is not None and not path.resolve().is_relative_to(base_folder.resolve()):
            message = f"A document may name a shipped one or a file in its own folder, {base_folder}."
            raise make_error("file_unreadable", message, found=reference)
        there = path.exists() if looks_like_path and base_folder is None else path.is_file()
    except (OSError, ValueError, RuntimeError) as error:  # too long a name, a NUL in it, a circle of links
        reason = (error.strerror if isinstance(error, OSError) else None) or error
        raise make_error("file_unreadable", f"{reference[:80]!r} is no path: {reason}.") from None
    if there:
        return path
    shipped = "" if folder == "specs" else f"one of {', '.join(shipped_names(folder))}"
    listing = "kresnet specs" if folder == "specs" else ""
    if looks_like_path:
        beside_it = nearest(path.name, _documents_in(path.parent))
        near = str(Path(reference).parent / beside_it) if beside_it else nearest(path.stem, shipped_names(folder))
        expected = f"a file, or {shipped}" if shipped else ""
        raise make_error("file_missing", f"There is no file {path}.", expected=expected, nearest=near, remedy=listing)
    raise make_error(
        "unknown_name",
        f"`{reference}` is neither a file nor the name of a shipped {DOCUMENT_KINDS[folder]}.",
        expected=f"a path, or {shipped or 'a shipped name'}",
        nearest=nearest(reference, shipped_names(folder)),
        remedy=listing,
    )


def _documents_in(folder: Path) -> list[str]:
    """The names of a folder's documents, for who misspelt one; none if it cannot be read."""
    try:
        return sorted(entry.name for entry in folder.iterdir() if entry.suffix in SUFFIXES)
    except OSError:
        return []
