"""Read a YAML 1.2 or JSON document into plain values that remember where they stood.

The text is composed into nodes and converted here, rather than loaded by ruamel's constructors: nothing but
mappings, sequences and scalars can come out, and every value keeps its line and column.
"""

from __future__ import annotations

import io
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from kresnet.errors import KresnetError, Place, Problem

Path_ = tuple[str | int, ...]

MAX_BYTES = 256 * 1024
MAX_DEPTH = 32
MAX_SCALAR = 4096

_TAG = "tag:yaml.org,2002:"


@dataclass(slots=True)
class Source:
    """A document's values, and the place of every key path in it."""

    name: str
    values: Any
    places: dict[Path_, Place] = field(default_factory=dict)

    def place(self, path: Path_) -> Place:
        """The place of `path`, or of its nearest ancestor that the document states."""
        while path and path not in self.places:
            path = path[:-1]
        return self.places.get(path, Place(self.name))


def read(path: Path) -> Source:
    """Read the document at `path`.

    Raises:
        KresnetError: `file_missing`, `file_unreadable`, `document_too_large`, `syntax`, `duplicate_key`.
    """
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
        text = data.decode("utf-8-sig")
    except FileNotFoundError:
        raise KresnetError(Problem("file_missing", f"There is no file {path}.")) from None
    except IsADirectoryError:
        raise KresnetError(Problem("file_unreadable", f"{path} is a directory, not a document.")) from None
    except UnicodeDecodeError as error:
        message = f"The file is not UTF-8 text (byte {error.start})."
        raise KresnetError(Problem("file_unreadable", message, place=Place(str(path)))) from None
    except OSError as error:
        raise KresnetError(Problem("file_unreadable", f"{path} cannot be read: {error.strerror}.")) from None
    if len(data) > MAX_BYTES:
        message = f"The document is larger than {MAX_BYTES // 1024} KiB."
        raise KresnetError(Problem("document_too_large", message, place=Place(str(path))))
    return parse(text, str(path))


def parse(text: str, name: str) -> Source:
    """Parse YAML 1.2 (JSON is part of it) into a `Source` called `name`.

    Raises:
        KresnetError: `syntax` or `duplicate_key`; all duplicates are reported together.
    """
    if name.endswith(".json"):
        text = text.replace("\t", " ")  # JSON indents with tabs; YAML may not, and no JSON string holds a raw tab
    try:
        node = YAML(typ="safe", pure=True).compose(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = Place(name, mark.line + 1, mark.column + 1) if mark else Place(name)
        reason = error.problem or error.context
        raise KresnetError(Problem("syntax", f"This is not YAML: {reason}.", place=place)) from None
    except (YAMLError, RecursionError, ValueError) as error:
        raise KresnetError(Problem("syntax", f"This is not YAML: {_first_line(error)}.", place=Place(name))) from None
    if node is None:
        raise KresnetError(Problem("syntax", "The document is empty.", place=Place(name)))
    source = Source(name, None)
    reader = _Reader(source)
    source.values = reader.value(node, ())
    if reader.problems:
        raise KresnetError(reader.problems)
    return source


def dump(values: Any) -> str:
    """Plain values as YAML, short lists and mappings in one line."""
    stream = io.StringIO()
    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style = None  # short ones in one line
    yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment]
    yaml.width = 120
    yaml.dump(values, stream)
    return stream.getvalue()


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")


class _Reader:
    """Converts composed nodes to plain values, noting places and problems on the way."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.problems: list[Problem] = []
        self.seen: set[int] = set()

    def value(self, node: Node, path: Path_) -> Any:
        place = self.source.places.setdefault(path, self._place(node))
        if len(path) > MAX_DEPTH:
            return self._problem("syntax", f"The document is nested deeper than {MAX_DEPTH} levels.", place)
        if id(node) in self.seen:  # the composer hands out one node for an anchor and all its aliases
            return self._problem("syntax", "Aliases (*name) are not accepted; write the value out.", place)
        self.seen.add(id(node))
        if not isinstance(node, ScalarNode) and node.tag not in (f"{_TAG}map", f"{_TAG}seq"):
            return self._problem("syntax", f"The tag {node.tag} is not accepted; use plain values.", place)
        if isinstance(node, MappingNode):
            return self._mapping(node, path)
        if isinstance(node, SequenceNode):
            return [self.value(item, (*path, index)) for index, item in enumerate(node.value)]
        return self._scalar(node, place)

    def _mapping(self, node: MappingNode, path: Path_) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for key_node, value_node in node.value:
            place = self._place(key_node)
            if not isinstance(key_node, ScalarNode):
                self._problem("syntax", "A key must be a plain word.", place)
                continue
            key = str(key_node.value)[:MAX_SCALAR]
            if key in values:
                first = self.source.places[(*path, key)].line
                self._problem("duplicate_key", f"`{key}` is stated twice (first on line {first}).", place)
                continue
            self.source.places[(*path, key)] = place
            values[key] = self.value(value_node, (*path, key))
        return values

    def _scalar(self, node: Node, place: Place) -> Any:
        text, kind = str(node.value), str(node.tag).removeprefix(_TAG)
        if len(text) > MAX_SCALAR:
            return self._problem("syntax", f"A value is longer than {MAX_SCALAR} characters.", place)
        try:
            match kind:
                case "str":
                    return text
                case "null":
                    return None
                case "bool":
                    return text.lower() == "true"
                case "int":
                    return _integer(text)
                case "float":
                    return float(re.sub(r"_|\.(?=[iInN])", "", text))  # .inf and .nan lose YAML's dot
                case "timestamp":
                    return text
        except ValueError:
            return self._problem("syntax", f"`{text[:40]}` is not a number that can be read.", place)
        return self._problem("syntax", f"The tag !{kind} is not accepted; use plain values.", place)

    def _place(self, node: Node) -> Place:
        return Place(self.source.name, node.start_mark.line + 1, node.start_mark.column + 1)

    def _problem(self, code: str, message: str, place: Place) -> None:
        self.problems.append(Problem(code, message, place=place))


def _integer(text: str) -> int:
    digits = text.replace("_", "")
    if len(digits) > 40:
        raise ValueError("too many digits")
    sign, digits = (-1, digits[1:]) if digits.startswith("-") else (1, digits.removeprefix("+"))
    base = {"0x": 16, "0o": 8, "0b": 2}.get(digits[:2].lower())
    return sign * (int(digits[2:], base) if base else int(digits))
