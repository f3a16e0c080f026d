"""From the events of a YAML parser to plain values that remember where they stood."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.events import (
    AliasEvent,
    CollectionStartEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
    StreamEndEvent,
)
from ruamel.yaml.nodes import ScalarNode

from kresnet.errors import KresnetError, Place, Problem

KeyPath = tuple[str | int, ...]

MAX_DEPTH = 32
MAX_SCALAR = 4096
#: Of an integer.
MAX_DIGITS = 40
#: Values and keys in all. A spec has some dozens; this many take the parser a fifth of a second.
MAX_VALUES = 5000

_TAG = "tag:yaml.org,2002:"

#: What no name needs, and a terminal may obey: control characters other than tab and line feed, lone surrogates.
_UNPRINTABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")


@dataclass(slots=True)
class SourceDocument:
    """A document's values, and the place of every key path in it."""

    name: str
    values: Any
    places: dict[KeyPath, Place] = field(default_factory=dict)

    def place(self, path: KeyPath) -> Place:
        """Return the place of `path`, or of its nearest ancestor that the document states."""
        while path and path not in self.places:
            path = path[:-1]
        return self.places.get(path, Place(self.name))


class YamlReader:
    """Reads one document, and reports all wrong values together; too deep or too long a document is given up."""

    def __init__(self, name: str) -> None:
        """`name`: of the document, for messages."""
        self._source = SourceDocument(name, None)
        self._yaml = YAML(typ="safe", pure=True)
        self._events: Iterator[Event] = iter(())
        self._problems: list[Problem] = []
        self._values = 0

    def read(self, text: str) -> SourceDocument:
        """Return the document in `text`.

        Raises:
            KresnetError: `syntax` or `duplicate_key`.
            ruamel.yaml.error.YAMLError, ValueError: if it is not YAML.
        """
        self._events = self._yaml.parse(text)
        next(self._events)  # the stream's start
        start = next(self._events)
        if isinstance(start, StreamEndEvent):
            raise KresnetError(Problem("syntax", "The document is empty.", place=Place(self._source.name)))
        self._require_yaml_1_2(start)
        self._source.values = self._read_value(next(self._events), ())
        next(self._events)  # the document's end
        following = next(self._events)
        if not isinstance(following, StreamEndEvent):
            self._add_problem(
                "syntax", "A second document begins here; a file holds one.", self._event_place(following)
            )
        if self._problems:
            raise KresnetError(self._problems)
        return self._source

    def _require_yaml_1_2(self, start: Event) -> None:
        assert isinstance(start, DocumentStartEvent)
        if start.version not in (None, (1, 2)):  # in YAML 1.1, `no` is false and 1:30 is ninety
            version = ".".join(map(str, start.version))
            self._add_problem(
                "syntax", f"The document says that it is YAML {version}; it must be 1.2.", self._event_place(start)
            )

    def _read_value(self, event: Event, path: KeyPath) -> Any:
        place = self._source.places.setdefault(path, self._event_place(event))
        self._values += 1
        if self._values > MAX_VALUES:
            raise KresnetError(Problem("document_too_large", f"There are more than {MAX_VALUES} values.", place=place))
        if len(path) > MAX_DEPTH:
            raise KresnetError(
                Problem("syntax", f"The document is nested deeper than {MAX_DEPTH} levels.", place=place)
            )
        if isinstance(event, AliasEvent):
            return self._add_problem("syntax", "Aliases (*name) are not accepted; write the value out.", place)
        if isinstance(event, ScalarEvent):
            return self._read_scalar(event, place)
        assert isinstance(event, CollectionStartEvent)
        if event.tag not in (None, "!", f"{_TAG}map", f"{_TAG}seq"):
            self._add_problem("syntax", f"The tag {event.tag} is not accepted; use plain values.", place)
        return self._read_sequence(path) if isinstance(event, SequenceStartEvent) else self._read_mapping(path)

    def _read_sequence(self, path: KeyPath) -> list[Any]:
        values: list[Any] = []
        for event in self._events:
            if isinstance(event, SequenceEndEvent):
                break
            values.append(self._read_value(event, (*path, len(values))))
        return values

    def _read_mapping(self, path: KeyPath) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for event in self._events:
            if isinstance(event, MappingEndEvent):
                break
            place = self._event_place(event)
            if isinstance(event, ScalarEvent) and event.value not in values:
                self._source.places[(*path, event.value)] = place
                if len(event.value) > MAX_SCALAR or _UNPRINTABLE.search(event.value):
                    self._add_problem("syntax", "A key must be a plain word.", place)
                values[event.value] = self._read_value(next(self._events), (*path, event.value))
                continue
            if isinstance(event, ScalarEvent):
                first = self._source.places[(*path, event.value)].line
                message = f"`{event.value}` is stated twice (first on line {first})."
                self._add_problem("duplicate_key", message, place)
            else:
                self._read_value(event, (*path, "?"))
                self._add_problem("syntax", "A key must be a plain word.", place)
            self._read_value(next(self._events), (*path, "?"))  # passed over
        return values

    def _read_scalar(self, event: ScalarEvent, place: Place) -> Any:
        text = event.value
        if message := refusal_reason(text):
            return self._add_problem("syntax", message, place)
        tag = event.tag
        if tag in (None, "!"):
            tag = self._yaml.resolver.resolve(ScalarNode, text, event.implicit)
        kind = str(tag).removeprefix(_TAG)
        try:
            match kind:
                case "str" | "timestamp":
                    return text
                case "null":
                    return None
                case "bool":
                    return text.lower() == "true"
                case "int":
                    return _parse_integer(text)
                case "float":
                    return float(re.sub(r"_|\.(?=[iInN])", "", text))  # .inf and .nan lose YAML's dot
        except ValueError:
            return self._add_problem("syntax", f"`{text[:40]}` is not a number that can be read.", place)
        return self._add_problem("syntax", f"The tag !{kind} is not accepted; use plain values.", place)

    def _event_place(self, event: Event) -> Place:
        return Place(self._source.name, event.start_mark.line + 1, event.start_mark.column + 1)

    def _add_problem(self, code: str, message: str, place: Place) -> None:
        self._problems.append(Problem(code, message, place=place))


def refusal_reason(text: str) -> str:
    """Return why no document may hold this text; empty if it may."""
    if len(text) > MAX_SCALAR:
        return f"A value is longer than {MAX_SCALAR} characters."
    unprintable = _UNPRINTABLE.search(text)
    return f"A text holds the character U+{ord(unprintable[0]):04X}." if unprintable else ""


def _parse_integer(text: str) -> int:
    digits = text.replace("_", "")
    if len(digits) > MAX_DIGITS:
        raise ValueError("too many digits")
    sign, digits = (-1, digits[1:]) if digits.startswith("-") else (1, digits.removeprefix("+"))
    base = {"0x": 16, "0o": 8, "0b": 2}.get(digits[:2].lower())
    return sign * (int(digits[2:], base) if base else int(digits))
