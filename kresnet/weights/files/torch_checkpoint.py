"""Which of the entries of a PyTorch checkpoint are the network's weights; what is seen through is told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kresnet.errors import KresnetError, Listing, make_error, nearest, shell_word
from kresnet.weights.files.tensor import WeightTensor
from kresnet.weights.files.torch_archive import TorchArchive
from kresnet.weights.files.torch_pickle import RefusedName, read_pickle
from kresnet.weights.files.torch_tensor import DTYPES, TorchTensor

#: Entries that hold a network's weights, in the order in which they are taken: averaged weights, which are those that
#: were published and measured, come first, as in timm.
_WRAPPERS = ("state_dict_ema", "model_ema", "state_dict", "model_state_dict", "model", "net")

#: Wrappers within one another; training scripts write one or two.
_MOST_LEVELS = 4

#: Names of entries that a message lists.
_MOST_NAMES = 20


@dataclass(frozen=True, slots=True)
class TorchWeights:
    """The weights in a PyTorch checkpoint.

    Attributes:
        tensors: the tensors by name.
        entry: the entry that they are of, such as `model` or `model.state_dict`; empty where they are all there is.
        notes: what was seen through and left beside, a sentence each.
    """

    tensors: dict[str, WeightTensor]
    entry: str
    notes: tuple[str, ...]


def read_torch_weights(path: Path, archive: TorchArchive, entry: str = "") -> TorchWeights:
    """Find a network's weights in an archive of torch.save.

    Args:
        path: path of the file.
        archive: its content.
        entry: the entry to take, entries within entries separated by periods; empty for the usual one.

    Raises:
        KresnetError: `weights_pickle` for a name that is no part of a state dict; `model_unreadable` without weights;
            `bad_option` for an entry without weights.
        ValueError: for what is damaged.
    """
    try:
        found = read_pickle(archive.pickle)
    except RefusedName as refused:
        raise make_error(
            "weights_pickle",
            f"{path} names {refused.name}, which is no part of a state dict. kresnet runs nothing that a file names.",
            expected="tensors, numbers, texts and plain containers",
            remedy="in the program that wrote it: save model.state_dict() alone, with torch.save or as safetensors",
        ) from None
    taken, state, notes = "", found, list[str]()
    if entry:
        taken, state, notes = _named_entry(path, found, entry)
    for _ in range(_MOST_LEVELS):
        inner = [name for name in _WRAPPERS if _holds_weights(_entry(state, name))]
        if not inner:
            break
        beside = [name for name in state if name not in inner]
        others = [f"`{name}` (--entry {_joined(taken, name)})" for name in inner[1:]]
        taken, state = _joined(taken, inner[0]), state[inner[0]]
        notes.append(f"The weights are the entry `{taken}` of {path}{_also(others)}.")
        if beside:
            notes.append(f"Left beside them: {_names(beside)}.")
    tensors = {key: value for key, value in _items(state) if isinstance(key, str) and isinstance(value, TorchTensor)}
    if not tensors:
        raise _no_weights(path, found)
    if rest := [key for key in state if key not in tensors]:
        notes.append(f"No tensors, and left out: {_names(rest)}.")
    return TorchWeights({name: _weight(name, tensor, archive) for name, tensor in tensors.items()}, taken, tuple(notes))


def _weight(name: str, tensor: TorchTensor, archive: TorchArchive) -> WeightTensor:
    try:
        archive.require_tensor(tensor)
    except ValueError as error:
        raise ValueError(f"{_names([name])}: {error}") from None
    return WeightTensor(name, tensor.shape, DTYPES[tensor.dtype][0], lambda: archive.read_tensor(tensor))


def _named_entry(path: Path, found: Any, entry: str) -> tuple[str, Any, list[str]]:
    """Return the entry that the user named, and a note of it."""
    state = found
    for part in entry.split("."):
        state = _entry(state, part)
    if not _holds_weights(state):
        names = _entries_with_weights(found)
        raise make_error(
            "bad_option",
            f"--entry {entry}: {path} has no such entry with weights.",
            expected=", ".join(names),
            nearest=nearest(entry, names),
        )
    return entry, state, [f"The weights are the entry `{entry}` of {path}, as asked."]


def _no_weights(path: Path, found: Any) -> KresnetError:
    names = _entries_with_weights(found)
    if names:
        message = f"{path} does not say which of its entries are the network's weights."
        remedy = "; or ".join(f"--entry {shell_word(name)}" for name in names[:3])
        return make_error("model_unreadable", message, found=Listing(names), remedy=remedy)
    what = "a tensor without a name" if isinstance(found, TorchTensor) else f"a {type(found).__name__.lower()}"
    if isinstance(found, dict):
        what = _names(list(found)) or "nothing"
    message = f"{path} holds no weights by name, but {what}."
    return make_error("model_unreadable", message, expected="a state dict, alone or as an entry of a checkpoint")


def _entries_with_weights(found: Any) -> list[str]:
    names = [
        key for key, value in _items(found) if isinstance(key, str) and key.isprintable() and _holds_weights(value)
    ]
    return names[:_MOST_NAMES]


def _holds_weights(value: Any, levels: int = 2) -> bool:
    """Whether a dict has tensors by name, or an entry of it that is known to hold such."""
    if any(isinstance(key, str) and isinstance(each, TorchTensor) for key, each in _items(value)):
        return True
    return levels > 0 and any(_holds_weights(_entry(value, name), levels - 1) for name in _WRAPPERS)


def _items(value: Any) -> list[tuple[Any, Any]]:
    return list(value.items()) if isinstance(value, dict) else []


def _entry(value: Any, name: str) -> Any:
    return value.get(name) if isinstance(value, Mapping) else None


def _joined(outer: str, inner: str) -> str:
    return f"{outer}.{inner}" if outer else inner


def _also(others: list[str]) -> str:
    return f"; there {'are' if len(others) > 1 else 'is'} {' and '.join(others)}, too" if others else ""


def _names(keys: list[Any]) -> str:
    """Return keys of a dict as text: printable, and not too long."""
    more = [f"and {len(keys) - _MOST_NAMES:,} more"] * (len(keys) > _MOST_NAMES)
    return ", ".join([*(_shown(key)[:80] for key in keys[:_MOST_NAMES]), *more])


def _shown(key: Any) -> str:
    if isinstance(key, str):
        return key if key.isprintable() else ascii(key)
    return str(key) if isinstance(key, int) and abs(key) < 2**63 else type(key).__name__


__all__ = ["TorchWeights", "read_torch_weights"]
