"""The specs and recipes that ship with kresnet, by name."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Literal

from kresnet.errors import fail, nearest

Folder = Literal["specs", "recipes"]


@cache
def directory(folder: Folder = "specs") -> Path:
    """The folder of shipped documents: inside the installed package, or the checkout's own."""
    package = Path(__file__).resolve().parents[1]
    specs = package / "specs" if (package / "specs").is_dir() else package.parent / "specs"
    return specs if folder == "specs" else specs / "recipes"


@cache
def names(folder: Folder = "specs") -> tuple[str, ...]:
    """The names of the shipped documents, sorted."""
    return tuple(sorted(path.stem for path in directory(folder).glob("*.yaml")))


def find(reference: str, folder: Folder = "specs", beside: Path | None = None) -> Path:
    """The file that `reference` means: a path (relative to `beside`, if given), or a shipped name.

    Raises:
        KresnetError: `unknown_name` or `file_missing`.
    """
    looks_like_path = "/" in reference or "\\" in reference or Path(reference).suffix in (".yaml", ".yml", ".json")
    path = (beside or Path()) / reference
    if looks_like_path:
        if not path.exists():
            near = nearest(Path(reference).stem, names(folder))
            raise fail("file_missing", f"There is no file {path}.", nearest=near)
        return path
    if reference in names(folder):
        return directory(folder) / f"{reference}.yaml"
    if path.is_file():
        return path
    raise fail(
        "unknown_name",
        f"`{reference}` is neither a file nor the name of a shipped {folder.removesuffix('s')}.",
        expected="a path, or "
        + ("one of " + ", ".join(names(folder)) if len(names(folder)) < 12 else "a shipped name"),
        nearest=nearest(reference, names(folder)),
        remedy="kresnet specs lists them" if folder == "specs" else "",
    )
