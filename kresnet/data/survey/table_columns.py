"""Guesses which column of a table holds what, from the columns' names and first rows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from kresnet.data.folder_listing import SUFFIXES

#: How many rows are looked at.
HEAD_ROWS = 500

#: Names that columns are given, the likeliest first; compared without capitals, blanks, hyphens and underscores.
_IMAGE = ("image", "path", "file", "filename", "imagepath", "filepath", "imagefile", "img", "imageindex", "name", "id")
_LABEL = ("label", "class", "category", "classname", "labelname", "species", "breed", "diagnosis", "target", "y")
_LABELS = ("labels", "tags", "classes", "categories", "findinglabels", "findings", "genres", "attributes")
_SPLIT = ("split", "subset", "set", "partition", "usage", "phase")
_GROUP = ("group", "groupid", "patient", "patientid", "subject", "subjectid", "person", "personid", "session")
_WEIGHT = ("weight", "sampleweight", "exampleweight", "weights")
#: What a column of splits says.
_SPLITS = {
    "train": ("train", "training", "trn"),
    "validation": ("validation", "valid", "val", "dev"),
    "test": ("test", "testing", "tst", "eval"),
}
_SEPARATORS = "|;, "
_TEST_SHARE = 0.2


def guess_settings(head: dict[str, list[Any]]) -> dict[str, Any]:
    """Return what a recipe would say under `data` of a table, without `kind` and `path`.

    Args:
        head: the first rows, by column.
    """
    columns = {name: [each for each in values if each not in (None, "")] for name, values in head.items()}
    settings: dict[str, Any] = {}
    image = _named(columns, _IMAGE, _holds_images) or next(filter(lambda n: _holds_images(columns[n]), columns), None)
    image = image or _named(columns, _IMAGE)
    if image:
        settings["image"] = image
    rest = {name: values for name, values in columns.items() if name != image}
    split = next((name for name in rest if _holds_splits(rest[name])), None) or _named(rest, _SPLIT)
    others = {name: values for name, values in rest.items() if name != split}
    group, weight = _named(others, _GROUP), _named(others, _WEIGHT, _holds_numbers)
    settings |= _target({name: values for name, values in others.items() if name not in (group, weight)})
    if split:
        settings |= {"split": split, **_split_names(rest[split])}
    else:
        settings["test_split"] = _TEST_SHARE
    return settings | {name: column for name, column in (("group", group), ("weight", weight)) if column}


def split_of_name(name: str) -> str:
    """Return which split a folder or a value of this name means; empty for none."""
    return next((split for split, names in _SPLITS.items() if name.lower() in names), "")


def _target(columns: dict[str, list[Any]]) -> dict[str, Any]:
    """Return which columns hold what is to be learned."""
    if label := _named(columns, _LABEL, lambda values: not _holds_lists(values) and not _holds_fractions(values)):
        return {"label": label}
    if labels := _named(columns, _LABELS, lambda values: _holds_lists(values) or not _holds_numbers(values)):
        separator = _separator(columns[labels])
        return {"labels": labels} | ({"separator": separator} if separator != "|" else {})
    flags = [name for name, values in columns.items() if _holds_flags(values)]
    if len(flags) > 1:
        return {"labels": flags}
    if texts := [name for name, values in columns.items() if _repeats(values)]:
        return {"label": texts[0]}
    if numbers := [name for name, values in columns.items() if _holds_numbers(values)]:
        return {"values": numbers[0] if len(numbers) == 1 else numbers}
    return {}


def _split_names(values: Sequence[Any]) -> dict[str, str]:
    """Return what a column of splits calls them, where that is not what is taken for granted."""
    found = {split_of_name(str(value)): str(value) for value in dict.fromkeys(values)}
    settings = {f"{split}_split": found[split] for split in ("train", "test") if found.get(split, split) != split}
    if "validation" in found:
        if "test" in found:
            settings["validation"] = found["validation"]
        else:  # then there is no other to evaluate on
            settings["test_split"] = found["validation"]
    return settings


def _named(columns: dict[str, list[Any]], names: Sequence[str], holds: Any = bool) -> str | None:
    """Return the column with the likeliest of some names, among those whose values are as they should be."""
    by_name = {"".join(each for each in name.lower() if each.isalnum()): name for name in reversed(columns)}
    found = (by_name[name] for name in names if name in by_name)
    return next((name for name in found if holds is bool or holds(columns[name])), None)


def _holds_images(values: Sequence[Any]) -> bool:
    images = sum(isinstance(value, str) and value.lower().endswith(SUFFIXES) for value in values)
    return bool(values) and images * 2 > len(values)


def _holds_splits(values: Sequence[Any]) -> bool:
    found = {split_of_name(str(value)) for value in values}
    return "" not in found and "train" in found


def _holds_lists(values: Sequence[Any]) -> bool:
    return any(isinstance(value, list) for value in values)


def _holds_numbers(values: Sequence[Any]) -> bool:
    return bool(values) and all(number is not None for number in _numbers(values))


def _holds_fractions(values: Sequence[Any]) -> bool:
    numbers = list(_numbers(values))
    return bool(numbers) and all(number is not None for number in numbers) and any(n != int(n) for n in numbers if n)


def _holds_flags(values: Sequence[Any]) -> bool:
    return bool(values) and all(str(value).lower() in ("0", "1", "0.0", "1.0", "true", "false") for value in values)


def _repeats(values: Sequence[Any]) -> bool:
    """Whether few texts come again and again, as classes do."""
    return (
        bool(values) and not _holds_lists(values) and not _holds_numbers(values) and len(set(values)) * 2 <= len(values)
    )


def _numbers(values: Iterable[Any]) -> Iterable[float | None]:
    for value in values:
        try:
            number = float(value)
        except (TypeError, ValueError, OverflowError):
            yield None
            continue
        yield number if abs(number) < 1e300 else None


def _separator(values: Sequence[Any]) -> str:
    """Return what separates labels: the first of the usual marks that a cell has."""
    texts = [value for value in values if isinstance(value, str)]
    return next((mark for mark in _SEPARATORS if any(mark in text for text in texts)), "|")


__all__ = ["HEAD_ROWS", "guess_settings", "split_of_name"]
