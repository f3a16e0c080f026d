"""Hostile documents, drawn by Hypothesis: shipped ones with a few changes of their values, then of their bytes."""

from __future__ import annotations

import copy
import json
from functools import cache
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from kresnet.plan import lower
from kresnet.spec import library
from kresnet.spec.document import dump, read_document
from kresnet.spec.loading import load_recipe, load_spec, load_study
from tests.fuzz import torch_documents
from tests.fuzz.target import CORPUS

#: Put where a value stands.
JUNK: tuple[Any, ...] = (
    None, True, False, -1, 0, 1, 2, 3, 7, 64, 255, 2000, 65_536, 2**31, 2**63, 10**30, -(10**30), 0.0, -0.0, 0.5, 1.0,
    1e-300, 1e300, float("inf"), float("-inf"), float("nan"), "", " ", "a", "none", "relu", "reLU", "../../etc/passwd",
    "/etc/passwd", "./base.yaml", "./cycle.yaml", "./folder.yaml", "./link.yaml", "./pipe.yaml", "resnet50",
    "quickstart", "http://127.0.0.1:9/x.yaml", "a/b", "a\\b", "..", ".", "~", "$HOME", "%s%n", "{0}", "[red]x[/red]",
    "[/]", "\u202e", "é", "\U0001f525", "x" * 70, "x" * 5000, [], [[]], [1], [1, 2, 3], [1, "a"], [None] * 100, {},
    {"kind": "conv"}, {"kind": "none"}, {"kind": "batch"}, {"kind": "dense"}, {"kind": []}, {"a": {}},
    {"kind": "features", "stages": [1]},
)  # fmt: skip

#: Put between bytes.
TOKENS = (
    b"&a ", b"*a ", b"!!int ", b"!!python/object/apply:os.system [id]", b"!!binary aGk=", b"<<: *a\n", b"? ", b": ",
    b"- ", b"---\n", b"...\n", b"%YAML 1.1\n---\n", b"%TAG ! tag:x,2000:\n", b"|\n", b">-\n", b"[", b"]", b"{", b"}",
    b'"', b"'", b"#", b"\t", b"\r", b"\n", b"\r\n", b"\0", b"\x1b[31m", b"\xef\xbb\xbf", b"\xff\xfe", b"\xc3", b"\xe9",
    b"\xed\xa0\x80", b"\xe2\x80\xa8", b"\xc2\x85", b'"\\ud800"', b'"\\x00"', b'"\\U00110000"', b"0x" + b"f" * 30,
    b"1" * 5000, b"1e999", b".inf", b".nan", b"0o9", b"1_0", b"012", b"-", b"~", b"=", b"extends: ./base.yaml\n",
    b"extends: ./cycle.yaml\n", b"extends: [a]\n", b"kind: ", b"name: a\n", b"stages: ", b"recipe.", b".", b"stages.0.",
    b"a: &a [*a]\n", b"[" * 100, b"{a: " * 100, b"- " * 100, b"a.\n" * 100,
)  # fmt: skip

#: Of a network to start from.
_MOST_RECORDS = 150

ENCODINGS = ("utf-16", "utf-16-le", "utf-32", "latin-1", "cp1252", "utf-8-sig", "utf-7")


@cache
def seeds(kind: str) -> tuple[bytes, ...]:
    """Documents to start from: the shipped ones, and what was found before."""
    if kind == "torch":
        return torch_documents.seeds()
    found = tuple(path.read_bytes() for path in sorted((CORPUS / kind).iterdir()) if path.stat().st_size < 20_000)
    if kind == "set":
        return (b"stem.width=32", b"stages.0.blocks=3", b"head={classes: 7}", b"input.shape=[8, 8, 3]", *found)
    return (*(path.read_bytes() for path in _shipped(kind)), *found)


@cache
def values(kind: str) -> tuple[Any, ...]:
    """The shipped documents' values, as written and with every default."""
    load: Any = {"recipe": load_recipe, "study": load_study}.get(kind, load_spec)
    written = [read_document(path).values for path in _shipped(kind)]
    return (*written, *(load(path.stem).value.document() for path in _shipped(kind)))


def _shipped(kind: str) -> list[Path]:
    """Shipped documents; of the networks those that are planned fast, so that many can be tried."""
    if kind != "spec":
        return sorted(library.shipped_directory("studies" if kind == "study" else "recipes").glob("*.yaml"))
    found = sorted(library.shipped_directory("specs").glob("*.yaml"))
    return [path for path in found if len(lower(load_spec(path.stem).value).records) < _MOST_RECORDS]


def documents(kind: str) -> st.SearchStrategy[bytes]:
    """Documents of a kind: most nearly right, some hardly text."""
    if kind == "torch":
        return torch_documents.torch_documents(_mangled)
    if kind == "set":
        return st.one_of(_overrides(), _mangled(st.sampled_from(seeds(kind))))
    return st.one_of(_written(kind), _mangled(_written(kind)), _mangled(st.sampled_from(seeds(kind))), _huge(kind))


@st.composite
def _written(draw: Any, kind: str) -> bytes:
    """A shipped document with some values changed, as YAML or JSON."""
    document = copy.deepcopy(draw(st.sampled_from(values(kind))))
    for _ in range(draw(st.integers(1, 4))):
        _change(draw, document)
    if draw(st.booleans()):
        return json.dumps(document, indent=draw(st.sampled_from([None, 1, "\t"]))).encode()
    return dump(document).encode("utf-8", "surrogatepass")


def _change(draw: Any, document: Any) -> None:
    """Replace, remove, rename or repeat something, wherever it stands."""
    parents = [node for node in _nodes(document) if isinstance(node, dict | list) and node]
    if not parents:
        return
    parent = draw(st.sampled_from(parents))
    key = draw(st.sampled_from(list(parent) if isinstance(parent, dict) else list(range(len(parent)))))
    how = draw(st.sampled_from(["junk", "junk", "junk", "remove", "move", "repeat", "scale"]))
    if how == "junk":
        parent[key] = copy.deepcopy(draw(st.sampled_from(JUNK)))
    elif how == "remove":
        del parent[key]
    elif how == "scale" and isinstance(parent[key], int | float):
        parent[key] *= draw(st.sampled_from([-1, 2, 10, 1000, 0.5]))
    elif how == "repeat" and isinstance(parent, list):
        parent += [copy.deepcopy(parent[key])] * draw(st.integers(1, 40))
    elif isinstance(parent, dict):
        name = draw(st.sampled_from([*map(str, JUNK[27:45]), str(key)[::-1], str(key).upper(), str(key)[:-1], "kind"]))
        parent[name] = parent.pop(key)


def _nodes(node: Any) -> Any:
    yield node
    for value in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        yield from _nodes(value)


@st.composite
def _mangled(draw: Any, documents: st.SearchStrategy[bytes]) -> bytes:
    """A document with a few changes of its bytes."""
    data = draw(documents)
    for _ in range(draw(st.integers(1, 4))):
        at, length = draw(st.integers(0, len(data))), draw(st.integers(0, 12))
        how = draw(st.sampled_from(["insert", "insert", "delete", "repeat", "flip", "cut", "encode"]))
        if how == "insert":
            data = data[:at] + draw(st.sampled_from(TOKENS)) + data[at:]
        elif how == "delete":
            data = data[:at] + data[at + length :]
        elif how == "repeat":
            data = data[:at] + data[at : at + length] * draw(st.integers(2, 50)) + data[at + length :]
        elif how == "flip" and data:
            at = min(at, len(data) - 1)
            data = data[:at] + bytes([data[at] ^ (1 << draw(st.integers(0, 7)))]) + data[at + 1 :]
        elif how == "cut":
            data = data[:at]
        else:
            data = data.decode("utf-8", "replace").encode(draw(st.sampled_from(ENCODINGS)), "replace")
    return data


@st.composite
def _huge(draw: Any, kind: str) -> bytes:
    """A little, many times: up to ten megabytes, and to just below what is read at all."""
    token = draw(
        st.sampled_from([*TOKENS, b"a: 1\n", b"- 1\n", b"1, ", b"a", b" ", b"a: ", b"- &a 1\n", b"- *a\n", b"'a': "])
    )
    size = draw(st.sampled_from([1000] * 30 + [10_000] * 15 + [250_000, 10_000_000]))
    before, after = draw(
        st.sampled_from([(b"", b""), (b"[", b"]"), (b"a: ", b""), (b'a: "', b'"'), (b"stages: [", b"]")])
    )
    seed = draw(st.sampled_from([b"", draw(st.sampled_from(seeds(kind))) + b"\n"]))
    return seed + before + token * (size // len(token)) + after


@st.composite
def _overrides(draw: Any) -> bytes:
    """`PATH=VALUE`."""
    part = st.sampled_from(
        ["stem", "width", "stages", "0", "1", "99", "9" * 5000, "block", "head", "input", "shape", "", "é"]
    )
    path = ".".join(draw(st.lists(part, max_size=4))) * draw(st.sampled_from([1] * 50 + [2000]))
    value = draw(st.sampled_from([json.dumps(draw(st.sampled_from(JUNK))).encode(), draw(st.sampled_from(TOKENS))]))
    return path.encode() + draw(st.sampled_from([b"=", b"=", b"==", b" = ", b""])) + value
