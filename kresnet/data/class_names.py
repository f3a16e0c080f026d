"""Names of classes compared, and differences between them told that the eye cannot see."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence

#: How many names a message lists.
MAX_LISTED = 10


def enumerate_names(names: Sequence[str], most: int = MAX_LISTED) -> str:
    """Return the names one after the other, the first `most` of them."""
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


def look_alikes(names: Iterable[str], others: Iterable[str]) -> list[tuple[str, str]]:
    """Return pairs of different names, one of each list, that look alike: other blanks, capitals or Unicode forms."""
    by_look: dict[str, list[str]] = {}
    for other in others:
        by_look.setdefault(_look(other), []).append(other)
    return [(name, other) for name in names for other in by_look.get(_look(name), ()) if other != name]


def similar_names(names: Sequence[str]) -> list[tuple[str, str]]:
    """Return the pairs of names within one list that look alike, each pair once."""
    return [(one, other) for one, other in look_alikes(names, names) if one < other]


def describe_difference(one: str, other: str) -> str:
    """Return in words what tells apart two names that look alike."""
    if unicodedata.normalize("NFC", one) == unicodedata.normalize("NFC", other):
        return f"the Unicode form: {_form(one)} and {_form(other)}"
    if one.casefold() == other.casefold():
        return "capital letters"
    if "".join(one.split()) == "".join(other.split()):
        return "blanks"
    return "characters that cannot be seen"


def describe_pairs(pairs: Sequence[tuple[str, str]]) -> str:
    """Return pairs of names that look alike, as escapes that show what they differ in."""
    shown = [f"{one!a} and {other!a} differ in {describe_difference(one, other)}" for one, other in pairs]
    return "; ".join(shown[:MAX_LISTED]) + (f"; and {len(pairs) - MAX_LISTED} more" if len(pairs) > MAX_LISTED else "")


def describe_names(names: Sequence[str], others: Sequence[str]) -> str:
    """Return what tells a list of class names from another: the names that only it has, else its first other place."""
    unlike = {name for pair in look_alikes(names, others) for name in pair}
    extra = [ascii(name) if name in unlike else name for name in names if name not in set(others)]
    if extra or set(names) != set(others):
        return f"{len(names)} classes, only here: {enumerate_names(extra) or 'none'}"
    place = next((n for n, (one, other) in enumerate(zip(names, others, strict=False)) if one != other), 0)
    return f"class {place} is {names[place]}" if names else "no classes"


def _look(name: str) -> str:
    """Return the name without what the eye hardly sees."""
    seen = (each for each in unicodedata.normalize("NFKC", name) if unicodedata.category(each) != "Cf")
    return " ".join(unicodedata.normalize("NFKC", "".join(seen).casefold()).split())


def _form(name: str) -> str:
    forms = [form for form in ("NFC", "NFD") if unicodedata.is_normalized(form, name)]
    return forms[0] if forms else "neither NFC nor NFD"


__all__ = [
    "MAX_LISTED",
    "describe_difference",
    "describe_names",
    "describe_pairs",
    "enumerate_names",
    "look_alikes",
    "similar_names",
]
