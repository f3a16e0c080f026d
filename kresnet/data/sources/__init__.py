"""Where data come from: `open_data` turns a recipe's `data` into a `DataSet`."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

from kresnet.data.images import require_image
from kresnet.data.sources.dataset import DataSet
from kresnet.data.sources.held_out import hold_out
from kresnet.spec.implementations import implement, implementation
from kresnet.spec.inputs import Input
from kresnet.spec.recipe import ArraysData, Data, EmbeddedData, FolderData, PreparedData, TableData, TfdsData

__all__ = ["DataSet", "open_data"]


def open_data(data: Data, input: Input, seed: int) -> DataSet:
    """Find the data and check that they suit the network; images are read when they are first needed.

    Args:
        data: what the recipe says of them.
        input: what the network takes.
        seed: the recipe's seed, by which a share to validate on is drawn.

    Raises:
        KresnetError: `data_missing`, `data_empty`, `data_mismatch` or `image_unreadable`.
    """
    opened = _open_source(data, input)
    fold, share = getattr(data, "fold", None), getattr(data, "validation", None)
    if held_out := fold or (share if isinstance(share, float) else None):
        return hold_out(opened, held_out, seed)
    return opened


def _open_source(data: Data, input: Input) -> DataSet:
    """Open the data with the splits that they are stored in."""
    if data.kind in _OF_IMAGES:
        require_image(input)
    opened: DataSet = implementation(data)(data, input)
    return opened


def _open_embedded(data: EmbeddedData, input: Input) -> DataSet:
    from kresnet.data.sources.embedded import open_embedded

    return open_embedded(input)


def _function_of(module: str) -> Callable[[Any, Input], DataSet]:
    """Return `open_MODULE` of a module that is imported when it is called: TensorFlow Datasets takes a while."""

    def open_source(data: Any, input: Input) -> DataSet:
        opened: DataSet = getattr(import_module(f"kresnet.data.sources.{module}"), f"open_{module}")(data, input)
        return opened

    return open_source


#: Kinds whose images `require_image` asks for.
_OF_IMAGES = ("embedded", "folder", "table", "prepared", "tfds")

implement(EmbeddedData, _open_embedded)
for _settings, _module in (
    (ArraysData, "arrays"),
    (FolderData, "folder"),
    (TableData, "table"),
    (PreparedData, "prepared"),
    (TfdsData, "tfds"),
):
    implement(_settings, _function_of(_module))
