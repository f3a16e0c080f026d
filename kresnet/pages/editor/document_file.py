"""The file of a document that is edited: read and written as its writer has it, and noticed when others change it."""

from __future__ import annotations

import codecs
import hashlib
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kresnet.api.network import Network
from kresnet.errors import make_error, shell_word
from kresnet.files import staged_file
from kresnet.spec import library
from kresnet.spec.base import Document
from kresnet.spec.document import decode_text, require_size
from kresnet.spec.loading import LoadedDocument, load_recipe, load_spec, load_study, load_text
from kresnet.spec.overrides import Overrides
from kresnet.spec.schema import DOCUMENTS

#: Kind of document -> folder of the shipped ones.
FOLDERS: dict[str, library.Folder] = {"spec": "specs", "recipe": "recipes", "study": "studies"}
_LOADERS: dict[str, Callable[..., LoadedDocument[Any]]] = {"recipe": load_recipe, "study": load_study}


@dataclass(frozen=True, slots=True)
class FileText:
    """What stands in a file.

    Attributes:
        text: its text, lines ended by a line feed.
        digest: of its bytes; empty where there is no file.
    """

    text: str
    digest: str


class DocumentFile:
    """A document that is edited, and where it is saved.

    Attributes:
        kind: `spec`, `recipe` or `study`.
        reference: what names the document that is on disk, in a command.
        path: the file that is written; it need not exist.
    """

    def __init__(self, kind: str, reference: str | None, folder: Path | None = None) -> None:
        """Find a document.

        Args:
            kind: `spec`, `recipe` or `study`.
            reference: path, shipped name, or None for a new document; a path that does not exist is a new one too.
            folder: of the document that names it, which must hold it; anywhere by default.

        Raises:
            KresnetError: `unknown_name`, `file_missing` for a folder that is not there, `file_unreadable`.
        """
        self.kind = kind
        self._found: Path | None = None
        new = reference is None or (folder is None and _is_new(reference))
        if not new:
            self._found = library.find_document(str(reference), FOLDERS[kind], folder)
        self.is_shipped = self._found is not None and self._found.is_relative_to(
            library.shipped_directory(FOLDERS[kind])
        )
        if self.is_shipped:
            assert self._found is not None
            self.path = (folder or Path()) / self._found.name
        else:
            self.path = self._found or Path(reference or f"{kind}.yaml")
        self.reference = str(reference) if reference is not None else str(self.path)

    @property
    def folder(self) -> Path:
        """The folder outside which nothing is read or written, the shipped documents aside."""
        return self.path.parent

    @property
    def model(self) -> type[Document]:
        """What the document should be."""
        return DOCUMENTS[self.kind]

    def read(self) -> FileText:
        """Return what is on disk: the file's text, a shipped document's, or that of a new one.

        Raises:
            KresnetError: `file_unreadable`, `document_too_large`.
        """
        source = self._found or self.path
        if not source.exists():
            return FileText(_NEW[self.kind], "")
        data = self._read_bytes(source)
        return FileText(self._decode(data).replace("\r\n", "\n").replace("\r", "\n"), hashlib.sha256(data).hexdigest())

    def save(self, text: str, digest: str, *, name: str | None = None) -> FileText:
        """Write the document, whole or not at all, in the encoding and with the line ends that its file has.

        Args:
            text: what to write.
            digest: of what the file held when it was last read; `*` to overwrite whatever it holds.
            name: another file of the same folder, which from now on is the document's.

        Raises:
            KresnetError: `output_exists` where the file is another by now; `not_writable`, `disk_full`,
                `document_too_large`.
        """
        require_size(len(text.encode("utf-8", "surrogatepass")), str(self.path))
        path = self._target(name)
        there = self._read_bytes(path) if path.exists() else b""
        now = hashlib.sha256(there).hexdigest() if path.exists() else ""
        own = name is None or path == self._target(None)
        expected = digest if own and not self.is_shipped else ""
        if digest != "*" and now != expected:
            message = f"{path} has been changed by others." if expected else f"{path} already exists."
            raise make_error("output_exists", message, remedy="overwrite it, or take what is there")
        data = _encode(text, there)
        with staged_file(path) as staged:
            staged.write_bytes(data)
            if path.exists():
                shutil.copymode(path, staged)
        self.path, self._found, self.is_shipped, self.reference = path, path, False, str(path)
        return FileText(text, hashlib.sha256(data).hexdigest())

    def load(self, text: str, overrides: Overrides = ()) -> LoadedDocument[Any]:
        """Load the document as it would be with this text.

        Raises:
            KresnetError: all problems of the document at once.
        """
        return load_text(self.model, text, self.path, FOLDERS[self.kind], overrides)

    def load_saved(self, overrides: Overrides = ()) -> LoadedDocument[Any]:
        """Load the document that is on disk, as a command would.

        Raises:
            KresnetError: all problems of the document at once, or `file_missing`.
        """
        return _LOADERS.get(self.kind, load_spec)(self.reference, *([overrides] if self.kind != "study" else []))

    def words(self) -> str:
        """Return what names the document in a command, quoted for a shell."""
        return shell_word(self.reference)

    def _target(self, name: str | None) -> Path:
        """Return the file to write: the document's, or another of its folder."""
        path = self.path if name is None else self.folder / name
        inside = path.resolve().parent == self.folder.resolve()  # a link may lead elsewhere
        if (
            not inside
            or (name is not None and Path(name).name != name)
            or path.suffix not in (".yaml", ".yml", ".json")
        ):
            message = f"{path} is no document of {self.folder.resolve()}; nothing is written elsewhere."
            raise make_error("not_writable", message, remedy="a name such as mine.yaml")
        return path.resolve() if path.is_symlink() else path

    def _read_bytes(self, path: Path) -> bytes:
        try:
            data = path.read_bytes()
        except OSError as error:
            raise make_error("file_unreadable", f"{path} cannot be read: {error.strerror}.") from None
        require_size(len(data), str(path))
        return data

    def _decode(self, data: bytes) -> str:
        try:
            return decode_text(data)
        except UnicodeDecodeError as error:
            message = f"The file {self.path} is not UTF-8 text (byte {error.start})."
            raise make_error("file_unreadable", message) from None


def load_network(file: DocumentFile, text: str) -> Network:
    """Return the network of a spec with this text.

    Raises:
        KresnetError: all problems of the spec at once.
    """
    return Network(file.load(text))


def other_network(file: DocumentFile, reference: str) -> Network:
    """Return the network that a name means, or a file in the folder of the document; nothing else is read.

    Raises:
        KresnetError: all problems of that spec at once.
    """
    return Network(load_spec(library.find_document(reference, "specs", file.folder)))


def _is_new(reference: str) -> bool:
    """Whether a path names a file that could be made, in a folder that is there."""
    path = Path(reference)
    return path.suffix in library.SUFFIXES and not path.exists() and path.parent.is_dir()


def _encode(text: str, there: bytes) -> bytes:
    """Return a text as bytes like those of the file that it replaces: encoding, mark, and line ends."""
    if there.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        encoding = "utf-16-le" if there.startswith(codecs.BOM_UTF16_LE) else "utf-16-be"
        mark, before = there[:2], there[2:].decode(encoding, "replace")
    else:
        encoding, mark = "utf-8", codecs.BOM_UTF8 if there.startswith(codecs.BOM_UTF8) else b""
        before = there.decode("utf-8", "replace")
    if "\r\n" in before and "\n" not in before.replace("\r\n", ""):
        text = text.replace("\n", "\r\n")
    return mark + text.encode(encoding, "surrogatepass")


_NEW = {
    "spec": """\
# A residual network. Ctrl+Space lists what can be said here.
name: mine
input: {shape: [32, 32, 3]}
stem: {kind: conv, width: 16, kernel: 3}
block: {kind: basic, shortcut: projection}
stages:
  - {blocks: 3, width: 16}
  - {blocks: 3, width: 32, stride: 2}
  - {blocks: 3, width: 64, stride: 2}
head: {classes: 10}
""",
    "recipe": "extends: quickstart\nname: mine\n",
    "study": """\
name: mine
question: "What does a shortcut do?"
spec: quickstart
recipe: quickstart
seeds: [0]
variants:
  - {name: plain, set: {block.shortcut: none}}
  - {name: residual}
""",
}

__all__ = ["FOLDERS", "DocumentFile", "FileText", "load_network", "other_network"]
