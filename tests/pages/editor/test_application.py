"""The page's requests, over HTTP, without a browser."""

from __future__ import annotations

import hashlib
import json
from importlib.resources import files
from pathlib import Path

import pytest

from kresnet.pages.editor.application import EditorSession, make_editor
from kresnet.pages.editor.document_file import DocumentFile
from kresnet.pages.lessons import lessons
from kresnet.spec.document import MAX_BYTES
from tests.pages.asking import ask, ask_json, served
from tests.pages.editor.test_equivalent_command import TEXT


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("edited")


@pytest.fixture(scope="module")
def address(folder):
    (folder / "small.yaml").write_text(TEXT)
    references = {"spec": folder / "small.yaml", "recipe": folder / "recipe.yaml", "study": folder / "study.yaml"}
    session = EditorSession({kind: DocumentFile(kind, str(path)) for kind, path in references.items()})
    with served(make_editor(session)) as address:
        yield address


def test_the_page_holds_the_documents_and_links_to_nothing_elsewhere(address):
    page = ask(address)[2].decode()
    start = json.loads(page.partition('id="start">')[2].partition("</script>")[0])
    assert start["documents"]["spec"]["text"] == TEXT
    assert [each["spec"] for each in start["lessons"]] == [lesson.spec for lesson in lessons()]
    assert "http://" not in page
    assert "https://" not in page
    for name in ("style.css", "editor.css", "figures.js", "plotly.js", "editor.js", "schema.js", "codemirror.js"):
        assert ask(address, f"static/{name}")[0] == 200


def test_a_text_is_answered_with_its_plan_or_its_problems(address):
    found = ask_json(address, "look", {"kind": "spec", "text": TEXT, "batch": 8, "precision": "float32"})
    assert found["problems"] == []
    assert "Stage 2" in found["network"]
    (problem,) = ask_json(address, "look", {"kind": "spec", "text": TEXT + "heads: 1\n"})["problems"]
    assert (problem["code"], problem["line"], problem["here"]) == ("unknown_field", 9, True)
    (syntax,) = ask_json(address, "look", {"kind": "spec", "text": "name: [a\n"})["problems"]
    assert syntax["code"] == "syntax"


def test_the_schema_is_that_of_the_command(address):
    import kresnet

    assert ask_json(address, "schema/spec") == kresnet.schema("spec")
    assert ask(address, "schema/search")[0] == 404


@pytest.mark.parametrize(
    "values",
    [
        {"kind": "search", "text": TEXT},
        {"kind": ["spec"], "text": TEXT},
        {"kind": "spec", "text": 3},
        {"kind": "spec", "text": TEXT, "batch": 0},
        {"kind": "spec", "text": TEXT, "batch": "8"},
        {"kind": "spec", "text": TEXT, "precision": "float64"},
        [],
    ],
)
def test_what_is_no_question_is_refused(address, values):
    status, _, body = ask(address, "look", values)
    assert (status, json.loads(body)["problems"][0]["code"]) == (422, "bad_option")


def test_a_form_of_another_page_is_refused(address):
    """A page of others can send forms without asking first, but no JSON."""
    for kind in ("text/plain", "application/x-www-form-urlencoded"):
        body = json.dumps({"kind": "spec", "text": "x", "digest": "*"}).encode()
        assert ask(address, "save", body, headers={"Content-Type": kind})[0] == 422
    assert ask(address, "save", b"{", headers={"Content-Type": "application/json"})[0] == 422
    assert ask(address, "save")[0] == 405


def test_saving_and_changes_from_outside(address, folder):
    path: Path = folder / "small.yaml"
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    assert ask_json(address, "disk", {"kind": "spec", "digest": digest}) == {"digest": digest}
    saved = ask_json(address, "save", {"kind": "spec", "text": TEXT + "# more\n", "digest": digest})
    assert path.read_text() == TEXT + "# more\n"
    path.write_text(TEXT)
    found = ask_json(address, "disk", {"kind": "spec", "digest": saved["digest"]})
    assert found["text"] == TEXT
    status, _, body = ask(address, "save", {"kind": "spec", "text": "x", "digest": saved["digest"]})
    assert (status, json.loads(body)["problems"][0]["code"]) == (422, "output_exists")
    assert path.read_text() == TEXT


def test_the_largest_document_is_answered_and_a_larger_one_refused(address):
    filler = "# é\n" * ((MAX_BYTES - len(TEXT)) // 5)
    assert ask_json(address, "look", {"kind": "spec", "text": TEXT + filler})["problems"] == []
    (problem,) = ask_json(address, "look", {"kind": "spec", "text": TEXT + filler + "#" * 100})["problems"]
    assert problem["code"] == "document_too_large"


def test_nothing_runs_where_nothing_is_to_be_stopped(address):
    assert ask_json(address, "stop", {}) == {"stopped": False}
    status, _, body = ask(address, "experiment", {"text": TEXT, "measure": "gradients", "series": "nothing"})
    assert (status, json.loads(body)["problems"][0]["code"]) == (422, "bad_option")


def test_what_is_bundled_is_built_from_the_source_that_is_here():
    room = files("kresnet.pages")
    source = b"".join(
        (room / "codemirror" / name).read_bytes() for name in ("codemirror.js", "package.json", "package-lock.json")
    )
    first = (room / "assets" / "codemirror.js").read_text(encoding="utf-8").splitlines()[0]
    assert first.endswith(hashlib.sha256(source).hexdigest())
    licences = (room / "assets" / "codemirror.LICENSES.txt").read_text(encoding="utf-8")
    bundled = json.loads((room / "codemirror" / "package.json").read_text())["dependencies"]
    assert all(f"{name} " in licences for name in bundled)
    assert licences.count("Permission is hereby granted") == licences.count("(MIT)")
