"""Data named in one word, as `--data` takes them: `folder:PATH`, `table:FILE`, `prepared:PATH` and so on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from kresnet.errors import make_error, nearest

#: Field of a recipe's `data` that a reference of each kind names.
_FIELDS = {"folder": "path", "table": "path", "tfds": "name", "arrays": "path", "prepared": "path"}

#: What tells a folder that `kresnet prepare` made from others, and an address from a path.
PREPARED_MARK, _ADDRESS = "prepared.json", "://"

#: Kind of the data in a file, by its ending.
_ENDINGS = {
    ".csv": "table",
    ".tsv": "table",
    ".jsonl": "table",
    ".ndjson": "table",
    ".parquet": "table",
    ".npz": "arrays",
}

_FORMS = "folder:PATH, table:FILE, tfds:NAME, arrays:FILE, prepared:PATH or embedded"


def read_data_reference(reference: str) -> dict[str, Any]:
    """Return what a recipe would say under `data` of the data that a reference names.

    Without a kind before the colon, a folder is `folder`, or `prepared` if `kresnet prepare` made it, an address such
    as `s3://BUCKET/FOLDER` too, a file what its ending says, and anything else the name of a data set of TensorFlow
    Datasets. A name may hold colons of its own (`tfds:cifar10:3.0.2`).

    Args:
        reference: `KIND:WHAT`, such as `folder:pictures`; `embedded`; or a path or name without its kind.

    Returns:
        A mapping with `kind` and the one field that says which data; `~` is expanded. Nothing of it is looked for.

    Raises:
        KresnetError: `bad_option` for another kind, or one that names nothing.
    """
    if reference == "embedded":
        return {"kind": "embedded"}
    kind, colon, named = reference.partition(":")
    if not (colon and kind in _FIELDS):
        known = _kind_without_prefix(reference)
        if colon and not known and kind.isalpha() and not Path(reference).exists() and nearest(kind, list(_FIELDS)):
            raise _reference_error(f"There is no kind of data {kind}.", reference, nearest(kind, list(_FIELDS)))
        kind, named = known or "tfds", reference
    if not named:
        raise _reference_error(f"--data {reference} names no data.", reference)
    field = _FIELDS[kind]
    is_path = field == "path" and _ADDRESS not in named
    return {"kind": kind, field: str(Path(named).expanduser()) if is_path else named}


def _kind_without_prefix(reference: str) -> str:
    if _ADDRESS in reference:
        return "prepared"
    path = Path(reference).expanduser()
    if path.is_dir():
        return "prepared" if (path / PREPARED_MARK).is_file() else "folder"
    return _ENDINGS.get(path.suffix.lower(), "")


def _reference_error(message: str, found: str, close: str = "") -> Exception:
    return make_error("bad_option", message, expected=_FORMS, found=found or "nothing", nearest=close)


__all__ = ["PREPARED_MARK", "read_data_reference"]
