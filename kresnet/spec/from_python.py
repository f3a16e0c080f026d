"""Values given in Python, made as plain as those of a document and held to the same limits."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from kresnet.errors import KresnetError, Place, make_error
from kresnet.spec.base import Document
from kresnet.spec.yaml_reader import MAX_DEPTH, MAX_DIGITS, MAX_VALUES, Path_, why_refused


def plain_values(value: Any, place: Place) -> Any:
    """A value as lists, dictionaries and scalars.

    Tuples and arrays become lists, paths texts, NumPy's numbers Python's own, and kresnet's models their documents.

    Args:
        value: whatever the caller gave.
        place: how messages call it.

    Raises:
        KresnetError: `wrong_type` for what no document could say; `syntax` or `document_too_large` for what it may not.
    """
    return _Reading(place).value(value, ())


class _Reading:
    """Counts the values on the way."""

    def __init__(self, place: Place) -> None:
        self.place, self.count = place, 0

    def value(self, value: Any, path: Path_) -> Any:
        self.count += 1
        if self.count > MAX_VALUES:
            raise self._refusal("document_too_large", f"There are more than {MAX_VALUES} values.", path)
        if len(path) > MAX_DEPTH:
            raise self._refusal("syntax", f"The values are nested deeper than {MAX_DEPTH} levels.", path)
        if hasattr(value, "tolist"):
            value = value.tolist()
        match value:
            case Document():
                return value.document()
            case Mapping():
                return {self._key(key, path): self.value(each, (*path, str(key))) for key, each in value.items()}
            case list() | tuple():
                return [self.value(each, (*path, index)) for index, each in enumerate(value)]
            case None | bool() | float():
                return value
            case int():
                if abs(value) >= 10**MAX_DIGITS:
                    raise self._refusal("syntax", f"An integer has more than {MAX_DIGITS} digits.", path)
                return value
            case str() | os.PathLike():
                return self._text(str(value), path)
        message = f"A value of type {type(value).__name__} is nothing that a document could say."
        expected = "None, true or false, a number, a text, a list or a mapping"
        raise self._refusal("wrong_type", message, path, expected=expected)

    def _key(self, key: Any, path: Path_) -> str:
        if not isinstance(key, str):
            raise self._refusal("wrong_type", "A key must be a text.", path, found=repr(key)[:60])
        return self._text(key, path)

    def _text(self, text: str, path: Path_) -> str:
        if message := why_refused(text):
            raise self._refusal("syntax", message, path)
        return text

    def _refusal(self, code: str, message: str, path: Path_, **details: str) -> KresnetError:
        return make_error(code, message, path=".".join(map(str, path)), place=self.place, **details)
