"""The command that gives what the page shows: settings that were not saved become `--set`."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from kresnet.errors import KresnetError, shell_word
from kresnet.pages.editor.document_file import DocumentFile
from kresnet.spec.loading import LoadedDocument

#: Overrides that a command may have before nobody would type or read it.
_MOST = 12


def unsaved_overrides(file: DocumentFile, loaded: LoadedDocument[Any]) -> list[str] | None:
    """Return the overrides that make the saved document the one that is shown; none where it is saved.

    Returns:
        None where no overrides would, such as for a document that was never saved, or has lost a setting.
    """
    try:
        saved = file.load_saved()
    except KresnetError:
        return None
    if saved.value == loaded.value:
        return []
    if file.kind == "study":
        return None
    changes = list(_changes(saved.source.values, loaded.source.values, ()))
    if len(changes) > _MOST:
        return None
    texts = [f"{path}={json.dumps(value, ensure_ascii=False)}" for path, value in changes]
    try:
        same = file.load_saved(texts).value == loaded.value
    except KresnetError:
        return None
    return texts if same else None


def command(
    verb: str, file: DocumentFile, loaded: LoadedDocument[Any], options: Sequence[str] = (), option: str = "--set"
) -> str:
    """Return the command line of a verb for the document as it is shown; where there is none, for the saved one."""
    overrides = unsaved_overrides(file, loaded)
    prefix = "recipe." if file.kind == "recipe" else ""
    words = [part for text in overrides or () for part in (option, shell_word(prefix + text))]
    note = "" if overrides is not None else "  # once it is saved"
    return " ".join(["kresnet", verb, file.words(), *options, *words]) + note


def _changes(before: Any, after: Any, path: tuple[str, ...]) -> Iterator[tuple[str, Any]]:
    """Yield the values by which one differs from the other, each at the innermost place that `--set` can name."""
    if isinstance(before, Mapping) and isinstance(after, Mapping) and before.get("kind") == after.get("kind"):
        for key, value in after.items():
            if key not in before:
                yield ".".join((*path, key)), value
            else:
                yield from _changes(before[key], value, (*path, key))
    elif _are_stages(before) and _are_stages(after) and len(before) == len(after):
        for index, (old, new) in enumerate(zip(before, after, strict=True)):
            yield from _changes(old, new, (*path, str(index)))
    elif before != after:
        yield ".".join(path), after


def _are_stages(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, Mapping) for item in value)


__all__ = ["command", "unsaved_overrides"]
