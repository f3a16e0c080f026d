"""Arrays in a NumPy file: vectors or images, with classes, independent labels, or values to predict."""

from __future__ import annotations

import zipfile
from collections.abc import Iterable, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any, cast

import numpy as np

from kresnet.data.sources.array_source import ArraySource
from kresnet.data.sources.dataset import DataSet, Targets, fingerprint
from kresnet.data.sources.overlap import Overlap, overlap_of_rows
from kresnet.data.splits import Split
from kresnet.errors import make_error
from kresnet.files import digest
from kresnet.spec.inputs import Input
from kresnet.spec.recipe import ArraysData

#: Names of classes or labels, in order; it may be left out.
_CLASS_NAMES = "class_names"
#: What there is of each split; groups may be left out.
_PARTS = ("inputs", "targets", "groups")


def open_arrays(data: ArraysData, input: Input, only: str | None = None) -> DataSet:
    """Read the four arrays of an `.npz` file and check that they suit the network; pickled objects are refused.

    Args:
        data: the file.
        input: what the network takes.
        only: name of the one split to read, for one that is measured on: NAME_inputs and NAME_targets; it then stands
            for both.

    Raises:
        KresnetError: `data_missing`, `data_empty` or `data_mismatch`.
    """
    path = Path(data.path).expanduser()
    named = data.validation if isinstance(data.validation, str) else None
    prefixes = {"train": only or "train", **({"validation": named} if named else {}), "test": only or "test"}
    arrays, others = _read(path, dict.fromkeys(prefixes.values()))
    passed_over = {"other": {"arrays that have no meaning here": (len(others), others[0])}} if others else {}
    facts = {"kind": "arrays", "sha256": digest(path)} | ({"validation": named} if named else {})
    return _data_set(path, path.name, arrays, prefixes, input, facts, passed_over)


def data_of_arrays(kind: str, arrays: dict[str, np.ndarray], input: Input) -> DataSet:
    """Return the data set of arrays that a registered kind of data has read, checked as those of a file are.

    Args:
        kind: of the data.
        arrays: as in a file.
        input: what the network takes.

    Raises:
        KresnetError: `data_missing`, `data_empty` or `data_mismatch`.
    """
    needed = [f"{split}_{part}" for split in ("train", "test") for part in ("inputs", "targets")]
    if missing := [name for name in needed if name not in arrays]:
        message = f"The data of the kind {kind} have no {', '.join(missing)}."
        raise make_error("data_missing", message, path="recipe.data.kind")
    arrays = {name: np.asarray(values) for name, values in arrays.items()}
    bits = sha256()
    for name in sorted(arrays):
        bits.update(f"{name} {arrays[name].dtype} {arrays[name].shape}".encode())
        bits.update(np.ascontiguousarray(arrays[name]).tobytes())
    facts = {"kind": kind, "sha256": bits.hexdigest()}
    return _data_set(kind, kind, arrays, {"train": "train", "test": "test"}, input, facts, {})


def _data_set(
    path: Path | str,
    name: str,
    arrays: Mapping[str, np.ndarray],
    prefixes: Mapping[str, str],
    input: Input,
    facts: Mapping[str, Any],
    passed_over: Mapping[str, Any],
) -> DataSet:
    """Check arrays that were read from `path`, and return the data set that they are."""
    _require_forms(path, arrays, prefixes, input)
    train = arrays[f"{prefixes['train']}_targets"]
    both = np.concatenate([arrays[f"{split}_targets"] for split in prefixes.values()])
    kind = _target_kind(path, both)
    lowest, count = 0, 0
    if kind == "classes":
        lowest, count = int(both.min()), int(both.max()) + 1
    elif kind == "labels":
        count = train.shape[1]
    one_hot = kind == "labels" and count > 1 and bool((both.sum(axis=1) == 1).all())
    names = _class_names(path, arrays[_CLASS_NAMES], kind, count) if _CLASS_NAMES in arrays else None
    splits = {}
    for split, prefix in prefixes.items():
        inputs, targets = arrays[f"{prefix}_inputs"], arrays[f"{prefix}_targets"]
        source = ArraySource(inputs, targets, input, arrays.get(f"{prefix}_groups"))
        splits[split] = Split(prefix, source, input, resident_bytes=0)
    return DataSet(
        name,
        splits["train"],
        splits["test"],
        tuple(map(str, range(count))) if names is None else names,
        fingerprint(facts),
        Targets(kind, train.shape[1:], lowest, one_hot),
        passed_over,
        _find_overlap,
        splits.get("validation"),
    )


def _require_forms(
    path: Path | str, arrays: Mapping[str, np.ndarray], prefixes: Mapping[str, str], input: Input
) -> None:
    """Make sure that inputs are those of the spec, each with its target, and that splits have targets of one form."""
    dtype = np.dtype(np.uint8 if input.is_image else np.float32)
    for split in prefixes.values():
        inputs, targets = arrays[f"{split}_inputs"], arrays[f"{split}_targets"]
        if not len(inputs):
            raise make_error("data_empty", f"`{split}_inputs` of {path} is empty.", path="recipe.data.path")
        if inputs.shape[1:] != input.shape or inputs.dtype != dtype:
            raise _mismatch_error(path, f"{split}_inputs", f"{dtype} (N, {', '.join(map(str, input.shape))})", inputs)
        if len(targets) != len(inputs):
            raise _mismatch_error(path, f"{split}_targets", f"{len(inputs)} of them, one for each input", targets)
        groups = arrays.get(f"{split}_groups")
        if groups is not None and (groups.shape != inputs.shape[:1] or groups.dtype.kind not in "iuU"):
            raise _mismatch_error(path, f"{split}_groups", f"text or integers ({len(inputs)},)", groups)
    train = arrays[f"{prefixes['train']}_targets"]
    for split in prefixes.values():
        targets = arrays[f"{split}_targets"]
        if train.shape[1:] != targets.shape[1:] or train.dtype != targets.dtype:
            expected = f"as in train_targets, {train.dtype} {train.shape}"
            raise _mismatch_error(path, f"{split}_targets", expected, targets)


def _find_overlap(one: Split, other: Split) -> Overlap:
    return overlap_of_rows(*(cast(ArraySource, split.source).inputs(split.positions) for split in (one, other)))


def _read(path: Path, prefixes: Iterable[str]) -> tuple[dict[str, np.ndarray], list[str]]:
    """Return the arrays by name, and the names of those that are not read."""
    names = [f"{prefix}_{part}" for prefix in prefixes for part in _PARTS]
    needed = [name for name in names if not name.endswith("_groups")]
    remedy = "np.savez('FILE.npz', train_inputs=…, train_targets=…, test_inputs=…, test_targets=…)"
    if not path.is_file():
        raise make_error("data_missing", f"There is no file {path}.", path="recipe.data.path", remedy=remedy)
    try:
        loaded = np.load(path, allow_pickle=False)
        if isinstance(loaded, np.ndarray):
            message = f"{path} holds one array, as np.save writes it; four with names are needed in an .npz file."
            found = f"{loaded.dtype} {loaded.shape}"
            raise make_error("data_mismatch", message, path="recipe.data.path", found=found, remedy=remedy)
        with loaded as file:
            arrays = {name: file[name] for name in (*names, _CLASS_NAMES) if name in file.files}
            others = sorted(set(file.files) - set(arrays))
    except (OSError, ValueError, AttributeError, EOFError, zipfile.BadZipFile) as error:
        message = f"{path} cannot be read as an .npz file: {error}."
        raise make_error("data_mismatch", message, path="recipe.data.path", remedy=remedy) from None
    if missing := [name for name in needed if name not in arrays]:
        message = f"{path} lacks {', '.join(missing)}."
        raise make_error("data_mismatch", message, path="recipe.data.path", remedy=remedy)
    return arrays, others


def _class_names(path: Path | str, names: np.ndarray, kind: str, count: int) -> tuple[str, ...]:
    """Return the names that the file gives its classes or labels: at least as many classes as occur."""
    if kind == "values":
        raise make_error("data_mismatch", f"`{_CLASS_NAMES}` of {path} names classes, and the targets are values.",
                         path="recipe.data.path", remedy=f"leave the array {_CLASS_NAMES} out")  # fmt: skip
    found = tuple(map(str, names.tolist())) if names.dtype.kind == "U" and names.ndim == 1 else ()
    if len(found) < count or (kind == "labels" and len(found) != count):
        raise _mismatch_error(path, _CLASS_NAMES, f"text ({count},), a name for each class", names)
    if twice := sorted({name for name in found if found.count(name) > 1}):
        raise make_error("data_mismatch", f"`{_CLASS_NAMES}` of {path} names a class twice: {', '.join(twice)}.",
                         path="recipe.data.path", remedy="another name")  # fmt: skip
    return found


def _target_kind(path: Path | str, targets: np.ndarray) -> str:
    """Return what targets are, by their type and shape."""
    if targets.ndim == 1 and targets.dtype.kind in "iu" and targets.min() >= 0:
        return "classes"
    if remedy := _conversion(targets):
        message = "Targets are integers (N,) from 0 for classes, and float32 (N, ...) for anything else."
        raise make_error("data_mismatch", f"`train_targets` of {path} are neither. {message}", path="recipe.data.path",
                         found=f"{targets.dtype} {targets.shape}", remedy=remedy)  # fmt: skip
    if targets.dtype != np.float32 or not np.isfinite(targets).all() or targets.ndim < 2:
        expected = "integers (N,) from 0 for classes, float32 (N, ...) of finite values for anything else"
        raise _mismatch_error(path, "train_targets", expected, targets)
    return "labels" if targets.ndim == 2 and np.isin(targets, (0.0, 1.0)).all() else "values"


def _conversion(targets: np.ndarray) -> str:
    """Return what makes classes or labels of targets that are written in another way; empty if nothing is known."""
    if targets.dtype.kind not in "iufb" or not targets.size or (targets.dtype == np.float32 and targets.ndim > 1):
        return ""
    if targets.ndim == 2 and targets.shape[1] > 1 and np.isin(targets, (0, 1)).all():
        one_hot = (targets.sum(axis=1) == 1).all()
        labels = "targets.astype('float32')"
        return f"np.argmax(targets, axis=1); {labels} if labels are independent" if one_hot else labels
    whole = targets.dtype.kind in "iub" or (np.isfinite(targets).all() and (targets == np.rint(targets)).all())
    if targets.ndim == 2 and targets.shape[1] == 1 and whole:
        return "targets[:, 0].astype('int64')"
    if targets.ndim == 1 and whole and targets.min() >= 0:
        return "targets.astype('int64')"
    if targets.ndim == 1 and whole:
        return f"targets - ({targets.min()}): classes are counted from 0"
    return "targets.astype('float32')" if targets.ndim > 1 else "targets.astype('float32')[:, np.newaxis]"


def _mismatch_error(path: Path | str, name: str, expected: str, found: np.ndarray) -> Exception:
    return make_error("data_mismatch", f"`{name}` of {path} has the wrong type or shape.", path="recipe.data.path",
                expected=expected, found=f"{found.dtype} {found.shape}")  # fmt: skip
