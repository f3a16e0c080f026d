"""Read a YAML 1.2 or JSON document into plain values that remember where they stood.

The parser's events are converted in `kresnet.spec.yaml_reader`, rather than loaded by ruamel's constructors: nothing
but mappings, sequences and scalars can come out, every value keeps its line and column, and a document that is too deep
or too long is given up where it becomes so.
"""

from __future__ import annotations

import codecs
import contextlib
import copy
import io
import json
from functools import lru_cache
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from kresnet.errors import KresnetError, Place, Problem
from kresnet.spec.yaml_reader import MAX_DEPTH, KeyPath, SourceDocument, YamlReader

__all__ = [
    "MAX_BYTES",
    "MAX_DEPTH",
    "KeyPath",
    "SourceDocument",
    "decode_text",
    "dump",
    "parse_document",
    "read_document",
    "require_size",
]

MAX_BYTES = 256 * 1024


def read_document(path: Path) -> SourceDocument:
    """Read the document at `path`.

    Raises:
        KresnetError: `file_missing`, `file_unreadable`, `document_too_large`, `syntax`, `duplicate_key`.
    """
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
        require_size(len(data), str(path))
        parsed = _parse_once(decode_text(data), str(path))
        return SourceDocument(parsed.name, copy.deepcopy(parsed.values), dict(parsed.places))
    except FileNotFoundError:
        raise KresnetError(Problem("file_missing", f"There is no file {path}.")) from None
    except IsADirectoryError:
        raise KresnetError(Problem("file_unreadable", f"{path} is a directory, not a document.")) from None
    except UnicodeDecodeError as error:
        message = f"The file is not UTF-8 text (byte {error.start})."
        raise KresnetError(Problem("file_unreadable", message, place=Place(str(path)))) from None
    except (OSError, ValueError) as error:  # a ValueError: a NUL in the name
        reason = (error.strerror if isinstance(error, OSError) else None) or error
        raise KresnetError(Problem("file_unreadable", f"{str(path)[:200]} cannot be read: {reason}.")) from None


def require_size(size: int, name: str) -> None:
    """Make sure that a document of so many bytes is none that only a mistake or malice would write.

    Raises:
        KresnetError: `document_too_large`.
    """
    if size > MAX_BYTES:
        message = f"The document is larger than {MAX_BYTES // 1024} KiB."
        raise KresnetError(Problem("document_too_large", message, place=Place(name)))


@lru_cache(maxsize=16)
def _parse_once(text: str, name: str) -> SourceDocument:
    """`parse_document`, for files that several others extend: reading YAML takes longer than all else about a spec."""
    return parse_document(text, name)


def decode_text(data: bytes) -> str:
    """The text of a file, whichever editor wrote it: UTF-8, or UTF-16 that begins with its mark; no mark stays.

    Raises:
        UnicodeDecodeError: if it is neither.
    """
    return data.decode("utf-16" if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else "utf-8-sig")


def parse_document(text: str, name: str) -> SourceDocument:
    """Parse YAML 1.2 (JSON is part of it) into a `SourceDocument` called `name`.

    Raises:
        KresnetError: `syntax`, `duplicate_key` or `document_too_large`; all duplicates are reported together.
    """
    if name.endswith(".json"):
        text = text.replace("\t", " ")  # JSON indents with tabs; YAML may not, and no JSON string holds a raw tab
    try:
        return YamlReader(name).read(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = Place(name, mark.line + 1, mark.column + 1) if mark else Place(name)
        reason = error.problem or error.context
        raise KresnetError(Problem("syntax", f"This is not YAML: {reason}.", place=place)) from None
    except OverflowError:  # of chr
        message = "This is not YAML: what stands behind `\\U` is no character."
        raise KresnetError(Problem("syntax", message, place=Place(name))) from None
    except (YAMLError, ValueError) as error:
        raise KresnetError(Problem("syntax", f"This is not YAML: {_first_line(error)}.", place=Place(name))) from None


def dump(values: Any) -> str:
    """Return plain values as YAML, short lists and mappings in one line.

    What ruamel writes is read again: it loses or adds spaces where it wraps some texts, and leaves some unquoted that
    need it. Then the values are written as JSON, which is YAML too.
    """
    stream = io.StringIO()
    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style = None  # short ones in one line
    yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment]
    yaml.width = 120
    yaml.dump(values, stream)
    text = stream.getvalue()
    with contextlib.suppress(KresnetError):
        if parse_document(text, "").values == values:
            return text
    return json.dumps(values, indent=2, ensure_ascii=False) + "\n"


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
