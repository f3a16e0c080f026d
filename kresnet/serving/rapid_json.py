"""JSON as RapidJSON 1.1.0 reads it, which is what TF Serving reads requests with (`workspace.bzl` there).

The rules are those of RapidJSON's `include/rapidjson/reader.h` (`IterativeParse`, `ParseNumber`,
`ParseStringToStream`) under the flags of TF Serving's `util/json_tensor.cc`, `ParseJson`: NaN and Infinity are numbers,
what follows the document is not looked at, and UTF-8 is not checked. Numbers of common length are rounded correctly
here, where RapidJSON may be off in the last bit. Bytes that are no UTF-8 become lone surrogates (`surrogateescape`).
"""

from __future__ import annotations

import re
from math import inf, nan
from typing import Any

import orjson

#: Nesting that is read; RapidJSON reads any, with memory to match. No tensor has more than 254 dimensions.
MOST_LEVELS = 100_000
#: `DBL_MAX / 10`, and the digits after the first that make a difference.
_TENTH_OF_LARGEST, _SIGNIFICANT_DIGITS = 1.7976931348623157e307, 17
#: Exponents are not counted beyond this.
_LONGEST_EXPONENT = 214_748_364

_DIGITS = b"0123456789"
_SPACE = re.compile(rb"[ \n\r\t]*")
_BYTE_ORDER_MARK = re.compile(rb"\xef?\xbb?\xbf?")  # each byte is skipped by itself: `EncodedInputStream`
_PLAIN_TEXT = re.compile(rb'[^"\\\x00-\x1f]*')
#: Numbers that every reader reads alike, lists of such numbers, and what only RapidJSON may find too big.
_PLAIN_NUMBER = re.compile(rb"-?(?:0|[1-9][0-9]{0,16})((?:\.[0-9]{1,17})?(?:[eE][+-]?[0-9]{1,2})?)(?![0-9.eE])")
_PLAIN_LIST = re.compile(rb"\[[0-9eE+\-., \n\r\t]*\]")
_STRANGE_NUMBER = re.compile(rb"[eE]\+?[0-9]{3}|[0-9]{300}")
_ESCAPES = {ord(a): b for a, b in zip('"/\\bfnrt', b'"/\\\b\f\n\r\t', strict=True)}
_WORDS: tuple[tuple[bytes, bool | None], ...] = ((b"true", True), (b"false", False), (b"null", None))
_HEX4 = re.compile(rb"[0-9A-Fa-f]{4}")

# `GetParseError_En` of include/rapidjson/error/en.h
_EMPTY = "The document is empty."
_VALUE = "Invalid value."
_NAME = "Missing a name for object member."
_COLON = "Missing a colon after a name of object member."
_CURLY = "Missing a comma or '}' after an object member."
_SQUARE = "Missing a comma or ']' after an array element."
_HEX = "Incorrect hex digit after \\u escape in string."
_SURROGATE = "The surrogate pair in string is invalid."
_ESCAPE = "Invalid escape character in string."
_QUOTE = "Missing a closing quotation mark in string."
_TOO_BIG = "Number too big to be stored in double."
_FRACTION = "Miss fraction part in number."
_EXPONENT = "Miss exponent in number."


class JsonError(ValueError):
    """Raised where a document cannot be read; `message` is RapidJSON's, `offset` the byte that it names."""

    def __init__(self, message: str, offset: int) -> None:
        super().__init__(f"{message} at offset: {offset}")
        self.message, self.offset = message, offset


class RepeatedKeys(dict[str, Any]):
    """An object that has a key more than once: as a mapping, the first value counts; `members` are all pairs."""

    def __init__(self, members: list[tuple[str, Any]]) -> None:
        super().__init__(reversed(members))
        self.members = members


def loads(body: bytes) -> Any:
    """Return the JSON document that a text begins with.

    Raises:
        JsonError: there is none.
    """
    return _Reader(body).read_document()


class _Reader:
    """Reads one document; `at` is the offset of what is read next, a NUL the end."""

    def __init__(self, body: bytes) -> None:
        self.text = body + b"\0"
        self.at = _BYTE_ORDER_MARK.match(body).end()  # type: ignore[union-attr]

    def read_document(self) -> Any:
        self._skip_space()
        if self.text[self.at] in b"]},:\0":
            raise JsonError(_EMPTY, self.at)
        if self.text[self.at] not in b"[{":
            return self._read_scalar()
        open_values: list[tuple[bool, list[Any]]] = []  # whether it is an object, and its elements or pairs
        keys: list[str] = []
        value: Any = None
        while True:
            # At a value: open what it opens, until something is complete.
            while (opened := self.text[self.at]) in b"[{":
                if opened == ord("[") and (flat := self._read_plain_list()) is not None:
                    value = flat
                    break
                if len(open_values) >= MOST_LEVELS:
                    raise JsonError("The document is nested too deeply.", self.at)
                self.at += 1
                self._skip_space()
                if self.text[self.at] == ord("]" if opened == ord("[") else "}"):
                    self.at += 1
                    value = [] if opened == ord("[") else {}
                    break
                open_values.append((opened == ord("{"), []))
                if opened == ord("{"):
                    keys.append(self._read_key())
            else:
                if self.text[self.at] in b"]},:\0":
                    raise JsonError(_VALUE, self.at)
                value = self._read_scalar()
            # After a value: close what it closes, until another one follows.
            while True:
                if not open_values:
                    return value
                in_object, held = open_values[-1]
                held.append((keys.pop(), value) if in_object else value)
                self._skip_space()
                found = self.text[self.at]
                if found == ord(","):
                    self.at += 1
                    self._skip_space()
                    if in_object:
                        keys.append(self._read_key())
                    break
                if found != ord("}" if in_object else "]"):
                    raise JsonError(_CURLY if in_object else _SQUARE, self.at)
                self.at += 1
                open_values.pop()
                value = _object_of(held) if in_object else held

    def _skip_space(self) -> None:
        self.at = _SPACE.match(self.text, self.at).end()  # type: ignore[union-attr]

    def _consume(self, wanted: bytes) -> bool:
        """Skip bytes as far as they are as wanted, and return whether all were."""
        for byte in wanted:
            if self.text[self.at] != byte:
                return False
            self.at += 1
        return True

    def _read_key(self) -> str:
        if self.text[self.at] != ord('"'):
            raise JsonError(_NAME, self.at)
        key = self._read_string()
        self._skip_space()
        if not self._consume(b":"):
            raise JsonError(_COLON, self.at)
        self._skip_space()
        return key

    def _read_scalar(self) -> Any:
        if self.text[self.at] == ord('"'):
            return self._read_string()
        for word, value in _WORDS:
            if self.text[self.at] == word[0]:
                if not self._consume(word):
                    raise JsonError(_VALUE, self.at)
                return value
        if plain := _PLAIN_NUMBER.match(self.text, self.at):
            self.at = plain.end()
            return float(plain[0]) if plain[1] else int(plain[0])
        return self._read_number()

    def _read_plain_list(self) -> list[Any] | None:
        """Read a list of numbers at once, where nothing is strange about it."""
        flat = _PLAIN_LIST.match(self.text, self.at)
        if not flat or _STRANGE_NUMBER.search(flat[0]):
            return None
        try:
            values = orjson.loads(flat[0])
        except orjson.JSONDecodeError:
            return None
        self.at = flat.end()
        return values

    def _read_string(self) -> str:
        self.at += 1
        pieces = []
        while True:
            plain = _PLAIN_TEXT.match(self.text, self.at)
            pieces.append(plain[0])  # type: ignore[index]
            self.at = plain.end()  # type: ignore[union-attr]
            byte = self.text[self.at]
            if byte == ord('"'):
                self.at += 1
                return b"".join(pieces).decode(errors="surrogateescape")
            if byte != ord("\\"):
                raise JsonError(_ESCAPE if byte else _QUOTE, self.at)
            pieces.append(self._read_escape())

    def _read_escape(self) -> bytes:
        began = self.at
        escaped = self.text[began + 1]
        self.at += 2
        if escaped in _ESCAPES:
            return bytes([_ESCAPES[escaped]])
        if escaped != ord("u"):
            raise JsonError(_ESCAPE, began)
        code = self._read_hex4(began)
        if 0xD800 <= code <= 0xDBFF:
            if not self._consume(b"\\u"):
                raise JsonError(_SURROGATE, began)
            low = self._read_hex4(began)
            if not 0xDC00 <= low <= 0xDFFF:
                raise JsonError(_SURROGATE, began)
            code = ((code - 0xD800) << 10 | (low - 0xDC00)) + 0x10000
        return chr(code).encode(errors="surrogatepass")  # a low surrogate by itself is let through

    def _read_hex4(self, began: int) -> int:
        digits = _HEX4.match(self.text, self.at)
        if not digits:
            raise JsonError(_HEX, began)
        self.at += 4
        return int(digits[0], 16)

    def _read_number(self) -> int | float:
        """Read any number as `ParseNumber` does, the big ones, and those that begin with NaN, included."""
        began = self.at
        minus = self._consume(b"-")
        bound = 2**63 if minus else 2**64 - 1
        whole, number, word = 0, 0.0, None
        exact, digits = True, 0  # whether it is an integer of 64 bits; significant digits after the first
        if self.text[self.at] in b"IN":
            word = self._read_nan_or_infinity(minus=minus)
        elif self._consume(b"0"):
            pass
        elif self.text[self.at] in _DIGITS:
            whole = self._next_digit()
            while exact and self.text[self.at] in _DIGITS:
                exact = whole * 10 + self.text[self.at] - ord("0") <= bound
                if exact:
                    whole = whole * 10 + self._next_digit()
                    digits += 1
            number = float(whole)
            while self.text[self.at] in _DIGITS:
                if number >= _TENTH_OF_LARGEST:
                    raise JsonError(_TOO_BIG, began)
                number = number * 10 + self._next_digit()
        else:
            raise JsonError(_VALUE, self.at)
        is_double, shift = not exact, 0
        if self._consume(b"."):
            if self.text[self.at] not in _DIGITS:
                raise JsonError(_FRACTION, self.at)
            while exact and whole < 2**53 and self.text[self.at] in _DIGITS:
                whole = whole * 10 + self._next_digit()
                shift -= 1
                digits += whole != 0
            is_double, number = True, float(whole) if exact else number
            while self.text[self.at] in _DIGITS:
                digit = self._next_digit()
                if digits < _SIGNIFICANT_DIGITS:
                    number = number * 10 + digit
                    shift -= 1
                    digits += number > 0
        if self.text[self.at] in b"eE":
            self.at += 1
            is_double, number = True, number if is_double else float(whole)
            shift += self._read_exponent(308 - shift, began)
        if is_double:
            number = _scale(number, shift)
            return -number if minus else number
        if word is not None:
            return word
        return -whole if minus else whole

    def _next_digit(self) -> int:
        self.at += 1
        return self.text[self.at - 1] - ord("0")

    def _read_nan_or_infinity(self, *, minus: bool) -> float:
        if self._consume(b"NaN"):
            return nan
        if not self._consume(b"Inf") or (self.text[self.at] == ord("i") and not self._consume(b"inity")):
            raise JsonError(_VALUE, self.at)
        return -inf if minus else inf

    def _read_exponent(self, most: int, began: int) -> int:
        minus = not self._consume(b"+") and self._consume(b"-")
        if self.text[self.at] not in _DIGITS:
            raise JsonError(_EXPONENT, self.at)
        exponent = self._next_digit()
        while self.text[self.at] in _DIGITS:
            exponent = min(exponent * 10 + self._next_digit(), _LONGEST_EXPONENT)
            if exponent > most and not minus:
                raise JsonError(_TOO_BIG, began)
        return -exponent if minus else exponent


def _scale(number: float, shift: int) -> float:
    """Return `number` times ten to the power of `shift` (`StrtodNormalPrecision` of internal/strtod.h)."""
    if shift < -308:
        return 0.0 if shift < -616 else number / 1e308 / float(f"1e{-shift - 308}")
    return number * float(f"1e{shift}") if shift >= 0 else number / float(f"1e{-shift}")


def _object_of(members: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return an object of its keys and values, in their order."""
    found = dict(members)
    return found if len(found) == len(members) else RepeatedKeys(members)
