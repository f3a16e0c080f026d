"""Values given in Python, made as plain as those of a document and held to the same limits."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from kresnet.errors import KresnetError, Place, make_error
from kresnet.spec.base import Document
from kresnet.spec.yaml_reader import MAX_DEPTH, MAX_DIGITS, MAX_VALUES, KeyPath, refusal_reason


def plain_values(value: Any, place: Place) -> Any:
    """Return a value as lists, dictionaries and scalars.

    Tuples and arrays become lists, paths texts, NumPy's numbers Python's own, and kresnet's models their documents.

    Args:
        value: whatever the caller gave.
        place: how messages call it.

    Raises:
        KresnetError: `wrong_type` for what no document could say; `syntax` or `document_too_large` for what it may not.
    """
    return _Conversion(place).convert(value, ())


class _Conversion:
    """Counts the values on the way."""

    def __init__(self, place: Place) -> None:
        self.place, self.count = place, 0

    def convert(self, value: Any, path: KeyPath) -> Any:
        self.count += 1
        if self.count > MAX_VALUES:
            raise self._conversion_error("document_too_large", f"There are more than {MAX_VALUES} values.", path)
        if len(path) > MAX_DEPTH:
            raise self._conversion_error("syntax", f"The values are nested deeper than {MAX_DEPTH} levels.", path)
        if hasattr(value, "tolist"):
            value = value.tolist()
        match value:
            case Document():
                return value.document()
            case Mapping():
                return {
                    self._convert_key(key, path): self.convert(each, (*path, str(key))) for key, each in value.items()
                }
            case list() | tuple():
                return [self.convert(each, (*path, index)) for index, each in enumerate(value)]
            case None | bool() | float():
                return value
            case int():
                if abs(value) >= 10**MAX_DIGITS:
                    raise self._conversion_error("syntax", f"An integer has more than {MAX_DIGITS} digits.", path)
                return value
            case str() | os.PathLike():
                return self._convert_text(str(value), path)
        message = f"A value of type {type(value).__name__} is nothing that a document could say."
        expected = "None, true or false, a number, a text, a list or a mapping"
        raise self._conversion_error("wrong_type", message, path, expected=expected)

    def _convert_key(self, key: Any, path: KeyPath) -> str:
        if not isinstance(key, str):
            raise self._conversion_error("wrong_type", "A key must be a text.", path, found=repr(key)[:60])
        return self._convert_text(key, path)

    def _convert_text(self, text: str, path: KeyPath) -> str:
        if message := refusal_reason(text):
            raise self._conversion_error("syntax", message, path)
        return text

    def _conversion_error(self, code: str, message: str, path: KeyPath, **details: str) -> KresnetError:
        return make_error(code, message, path=".".join(map(str, path)), place=self.place, **details)
