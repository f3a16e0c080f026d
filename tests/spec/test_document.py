"""Reading YAML and JSON: values, positions, and everything that is refused."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kresnet.errors import KresnetError
from kresnet.spec.document import MAX_BYTES, dump, parse_document, read_document
from tests.strategies import documents, examples


def test_json_is_read_tabs_and_all():
    values = {"name": "a", "stages": [{"blocks": 1}], "ok": True, "none": None, "rate": 0.5}
    assert parse_document(json.dumps(values, indent="\t"), "x.json").values == values
    assert str(parse_document('{\n\t"name": "a"\n}', "x.json").place(("name",))) == "x.json:2:2"


def test_files(tmp_path):
    path = tmp_path / "x.yaml"
    path.write_bytes(b"\xef\xbb\xbfname: a\n")
    assert read_document(path).values == {"name": "a"}, "a byte order mark is no part of the text"
    path.write_bytes(b"name: \xff\n")
    for bad, code in ((path, "file_unreadable"), (tmp_path, "file_unreadable"), (tmp_path / "no.yaml", "file_missing")):
        with pytest.raises(KresnetError) as caught:
            read_document(bad)
        assert [problem.code for problem in caught.value.problems] == [code]
    path.write_text("a: 1\n" + "#" * MAX_BYTES)
    with pytest.raises(KresnetError, match="document_too_large"):
        read_document(path)


@examples(100)
@given(st.text(alphabet=st.sampled_from("ab01-:{}[],&*!#|>'\"\n\t .~?%@\\é\u2028\x00"), max_size=60))
def test_any_text_is_read_or_refused(text):
    try:
        source = parse_document(text, "x.yaml")
    except KresnetError as error:
        assert {problem.code for problem in error.problems} <= {"syntax", "duplicate_key"}  # noqa: PT017
    else:
        assert () in source.places


@examples(100)
@given(st.text(alphabet=st.sampled_from("ab :#-\t\n'\"é0{[,&*"), max_size=300))
def test_any_text_that_is_written_is_read_again(text):
    """Wrapped, quoted, with spaces at the break: ruamel's emitter alone does not keep this."""
    assert parse_document(dump({"source": text}), "x.yaml").values == {"source": text}


@examples(50)
@given(documents())
def test_what_is_written_is_read_again(document):
    assert parse_document(dump(document), "x.yaml").values == document
    assert parse_document(json.dumps(document), "x.json").values == document
