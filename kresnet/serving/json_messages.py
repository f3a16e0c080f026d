"""JSON values as error messages of TF Serving show them (`JsonValueToDebugString` of `util/json_tensor.cc`)."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from math import isfinite
from typing import Any

from kresnet.serving.rapid_json import RepeatedKeys

#: Length of a value in an error message (`kMaxJsonDebugStringBytes`).
_SHOWN_BYTES = 256
#: Mark of a value with which writing ends.
_END = "\0"
_WRITTEN_ESCAPES = {code: f"\\u{code:04X}" for code in range(32)} | {
    ord(byte): f"\\{letter}" for letter, byte in zip('"\\bfnrt', '"\\\b\f\n\r\t', strict=True)
}


def format_value(value: Any) -> str:
    """Return a value as an error message of TF Serving shows it (`JsonValueToDebugString`): indented, and cut short.

    The text ends with the token that makes it 256 bytes long; a longer string, which TF Serving shows whole, is cut.
    """
    pieces: list[str] = []
    written = 0
    for piece in _tokens(value):
        pieces.append(piece.removesuffix(_END))
        if piece.endswith(_END):
            break
        written += len(piece.encode(errors="surrogateescape"))
        if written >= _SHOWN_BYTES:
            break
    return "".join(pieces)


def _tokens(value: Any, depth: int = 0) -> Iterator[str]:
    """Yield what `PrettyWriter` writes at once, with `kFormatSingleLineArray`; lists in one line, objects in many."""
    if isinstance(value, dict):
        yield "{"
        members = value.members if isinstance(value, RepeatedKeys) else value.items()
        for number, (key, held) in enumerate(members):
            yield f"{',' * (number > 0)}\n{'    ' * (depth + 1)}{_quote(key)}"
            yield from _with_prefix(": ", _tokens(held, depth + 1))
        yield f"\n{'    ' * depth}}}" if value else "}"
    elif isinstance(value, list):
        yield "["
        for number, held in enumerate(value):
            yield from _with_prefix(", " if number else "", _tokens(held, depth + 1))
        yield "]"
    elif isinstance(value, str):
        yield _quote(value)
    elif value is None or isinstance(value, bool):
        yield {None: "null", True: "true", False: "false"}[value]
    else:
        yield _format_number(value)


def _with_prefix(prefix: str, tokens: Iterator[str]) -> Iterator[str]:
    yield prefix + next(tokens)
    yield from tokens


def _quote(text: str) -> str:
    return f'"{text[:_SHOWN_BYTES].translate(_WRITTEN_ESCAPES)}"'


def _format_number(value: int | float) -> str:
    """Return a number as RapidJSON writes it (`Prettify` of internal/dtoa.h): 1e21 and below in full, 1e-7 not."""
    if isinstance(value, int):
        return str(value)
    if not isfinite(value):
        return _END  # the writer has no word for it
    sign, digits, exponent = Decimal(repr(value)).normalize().as_tuple()
    if not digits[0]:
        return "-0.0" if sign else "0.0"
    text, point = "".join(map(str, digits)), len(digits) + int(exponent)
    if int(exponent) >= 0 and point <= 21:
        text += "0" * int(exponent) + ".0"
    elif 0 < point <= 21:
        text = f"{text[:point]}.{text[point:]}"
    elif -6 < point <= 0:
        text = f"0.{'0' * -point}{text}"
    else:
        text = f"{text[0]}{'.' * (len(text) > 1)}{text[1:]}e{point - 1}"
    return "-" * sign + text
