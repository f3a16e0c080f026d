"""Files of documents: read and written as their writer has them, whole, in their folder, not over others' work."""

from __future__ import annotations

import codecs
import stat

import pytest

from kresnet.errors import KresnetError
from kresnet.pages.editor.document_file import DocumentFile, load_network, other_network
from kresnet.spec.document import MAX_BYTES

TEXT = "# mine\nextends: quickstart   # with care\nname: mine\nhead: {classes: 7}\n"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.yaml").write_text(TEXT)
    return tmp_path


def code_of(function, *arguments, **options) -> str:
    with pytest.raises(KresnetError) as caught:
        function(*arguments, **options)
    return caught.value.problems[0].code


def test_comments_and_order_are_kept_and_the_digest_is_the_files(folder):
    file = DocumentFile("spec", "mine.yaml")
    found = file.read()
    assert found.text == TEXT
    saved = file.save(TEXT.replace("7", "8"), found.digest)
    assert (folder / "mine.yaml").read_text() == TEXT.replace("7", "8")
    assert file.read() == saved
    assert [path.name for path in folder.iterdir()] == ["mine.yaml"]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"name: a\r\nx: 1\r\n", b"name: b\r\nx: 1\r\n"),
        (codecs.BOM_UTF8 + "name: ä\n".encode(), codecs.BOM_UTF8 + b"name: b\nx: 1\n"),
        (codecs.BOM_UTF16_LE + "name: a\r\n".encode("utf-16-le"),
         codecs.BOM_UTF16_LE + "name: b\r\nx: 1\r\n".encode("utf-16-le")),
    ],
    ids=["crlf", "mark", "utf-16"],
)  # fmt: skip
def test_line_ends_and_encoding_stay_as_they_are(folder, before, after):
    path = folder / "mine.yaml"
    path.write_bytes(before)
    path.chmod(0o640)
    file = DocumentFile("spec", "mine.yaml")
    file.save("name: b\nx: 1\n", file.read().digest)
    assert path.read_bytes() == after
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


def test_a_change_from_outside_is_not_overwritten_unasked(folder):
    file = DocumentFile("spec", "mine.yaml")
    digest = file.read().digest
    (folder / "mine.yaml").write_text("theirs: 1\n")
    assert code_of(file.save, TEXT, digest) == "output_exists"
    assert (folder / "mine.yaml").read_text() == "theirs: 1\n"
    file.save(TEXT, "*")
    assert (folder / "mine.yaml").read_text() == TEXT
    (folder / "mine.yaml").unlink()
    assert code_of(file.save, TEXT, digest) == "output_exists"


def test_a_shipped_document_is_saved_beside_the_others_under_a_name(folder):
    file = DocumentFile("spec", "resnet50")
    assert file.is_shipped
    assert "resnet50" in file.read().text
    assert code_of(file.save, TEXT, file.read().digest, name="mine.yaml") == "output_exists"
    file.save(TEXT, "", name="other.yaml")
    assert (folder / "other.yaml").read_text() == TEXT
    assert (file.is_shipped, file.reference, file.path.name) == (False, "other.yaml", "other.yaml")


def test_a_new_document_begins_with_a_network_that_plans(folder):
    for kind in ("spec", "recipe", "study"):
        file = DocumentFile(kind, None)
        assert file.read().digest == ""
        assert file.load(file.read().text).value.name == "mine"
    new = DocumentFile("spec", "new.yaml")
    new.save(new.read().text, "")
    assert (folder / "new.yaml").is_file()


@pytest.mark.parametrize("name", ["../up.yaml", "sub/in.yaml", "/tmp/x.yaml", "mine.sh", ".yaml", "..", ""])
def test_nothing_is_written_outside_the_folder_or_as_another_kind_of_file(folder, name):
    file = DocumentFile("spec", "mine.yaml")
    before = sorted(folder.parent.iterdir())
    assert code_of(file.save, TEXT, "*", name=name) == "not_writable"
    assert sorted(folder.parent.iterdir()) == before


def test_a_link_that_leads_out_of_the_folder_is_not_written(folder, tmp_path_factory):
    outside = tmp_path_factory.mktemp("outside") / "target.yaml"
    outside.write_text(TEXT)
    (folder / "link.yaml").symlink_to(outside)
    file = DocumentFile("spec", "link.yaml")
    assert code_of(file.save, "name: x\n", file.read().digest) == "not_writable"
    assert outside.read_text() == TEXT
    (folder / "near.yaml").symlink_to(folder / "mine.yaml")
    near = DocumentFile("spec", "near.yaml")
    near.save("name: x\n", near.read().digest)
    assert (folder / "near.yaml").is_symlink()
    assert (folder / "mine.yaml").read_text() == "name: x\n"


def test_nothing_outside_the_folder_is_read(folder, tmp_path_factory):
    secret = tmp_path_factory.mktemp("outside") / "secret.yaml"
    secret.write_text(TEXT)
    file = DocumentFile("spec", "mine.yaml")
    for text in (f"extends: {secret}\nname: a\n", "extends: ../outside0/secret.yaml\nname: a\n"):
        assert code_of(load_network, file, text) == "file_unreadable"
    assert code_of(other_network, file, str(secret)) == "file_unreadable"
    assert code_of(DocumentFile, "recipe", str(secret), folder) == "file_unreadable"
    assert other_network(file, "mine.yaml").spec.head.classes == 7


def test_what_is_too_large_or_no_text_is_refused(folder):
    file = DocumentFile("spec", "mine.yaml")
    assert code_of(file.save, "#" * (MAX_BYTES + 1), "*") == "document_too_large"
    (folder / "mine.yaml").write_bytes(b"name: \xff\xfe\xfa\n")
    assert code_of(file.read) == "file_unreadable"
    assert code_of(DocumentFile, "spec", "nowhere/x.yaml") == "file_missing"
    assert code_of(DocumentFile, "spec", "resnet5") == "unknown_name"
