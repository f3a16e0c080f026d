"""Arrays in a NumPy file: vectors or images, with classes, independent labels, or values to predict."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np

from kresnet.data.sources.array_source import ArraySource
from kresnet.data.sources.dataset import DataSet, Targets, fingerprint
from kresnet.data.splits import Split
from kresnet.errors import make_error
from kresnet.files import digest
from kresnet.spec.inputs import Input
from kresnet.spec.recipe import ArraysData

_NAMES = tuple(f"{split}_{part}" for split in ("train", "test") for part in ("inputs", "targets"))


def open_arrays(data: ArraysData, input: Input) -> DataSet:
    """Read the four arrays of an `.npz` file and check that they suit the network; pickled objects are refused.

    Raises:
        KresnetError: `data_missing`, `data_empty` or `data_mismatch`.
    """
    path = Path(data.path).expanduser()
    arrays = _read(path)
    dtype = np.dtype(np.uint8 if input.is_image else np.float32)
    for split in ("train", "test"):
        inputs, targets = arrays[f"{split}_inputs"], arrays[f"{split}_targets"]
        if not len(inputs):
            raise make_error("data_empty", f"`{split}_inputs` of {path} is empty.", path="recipe.data.path")
        if inputs.shape[1:] != input.shape or inputs.dtype != dtype:
            raise _mismatch_error(path, f"{split}_inputs", f"{dtype} (N, {', '.join(map(str, input.shape))})", inputs)
        if len(targets) != len(inputs):
            raise _mismatch_error(path, f"{split}_targets", f"{len(inputs)} of them, one for each input", targets)
    train, test = arrays["train_targets"], arrays["test_targets"]
    if train.shape[1:] != test.shape[1:] or train.dtype != test.dtype:
        raise _mismatch_error(path, "test_targets", f"as in train_targets, {train.dtype} {train.shape}", test)
    kind = _target_kind(path, np.concatenate([train, test]))
    if kind == "classes":
        names = tuple(map(str, range(int(max(train.max(), test.max())) + 1)))
    else:
        names = tuple(map(str, range(train.shape[1]))) if kind == "labels" else ()
    splits = [
        Split(split, ArraySource(arrays[f"{split}_inputs"], arrays[f"{split}_targets"], input), input, resident_bytes=0)
        for split in ("train", "test")
    ]
    facts = {"kind": "arrays", "sha256": digest(path)}
    return DataSet(path.name, splits[0], splits[1], names, fingerprint(facts), Targets(kind, train.shape[1:]))


def _read(path: Path) -> dict[str, np.ndarray]:
    remedy = "np.savez('FILE.npz', train_inputs=…, train_targets=…, test_inputs=…, test_targets=…)"
    if not path.is_file():
        raise make_error("data_missing", f"There is no file {path}.", path="recipe.data.path", remedy=remedy)
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in _NAMES if name in file.files}
    except (OSError, ValueError, AttributeError, EOFError, zipfile.BadZipFile) as error:
        message = f"{path} cannot be read as an .npz file: {error}."
        raise make_error("data_mismatch", message, path="recipe.data.path", remedy=remedy) from None
    if missing := [name for name in _NAMES if name not in arrays]:
        message = f"{path} lacks {', '.join(missing)}."
        raise make_error("data_mismatch", message, path="recipe.data.path", remedy=remedy)
    return arrays


def _target_kind(path: Path, targets: np.ndarray) -> str:
    """Return what targets are, by their type and shape."""
    if targets.ndim == 1 and targets.dtype.kind in "iu" and targets.min() >= 0:
        return "classes"
    if targets.dtype != np.float32 or not np.isfinite(targets).all() or targets.ndim < 2:
        expected = "integers (N,) from 0 for classes, float32 (N, ...) of finite values for anything else"
        raise _mismatch_error(path, "train_targets", expected, targets)
    return "labels" if targets.ndim == 2 and np.isin(targets, (0.0, 1.0)).all() else "values"


def _mismatch_error(path: Path, name: str, expected: str, found: np.ndarray) -> Exception:
    return make_error("data_mismatch", f"`{name}` of {path} has the wrong type or shape.", path="recipe.data.path",
                expected=expected, found=f"{found.dtype} {found.shape}")  # fmt: skip
