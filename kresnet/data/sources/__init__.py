"""Where data come from: `open_data` turns a recipe's `data` into a `DataSet`."""

from __future__ import annotations

from kresnet.data.images import require_image
from kresnet.data.sources.dataset import DataSet
from kresnet.data.sources.held_out import hold_out
from kresnet.spec.inputs import Input
from kresnet.spec.recipe import ArraysData, Data, EmbeddedData, FolderData, PreparedData, TableData

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
    if held_out := data.fold or (data.validation if isinstance(data.validation, float) else None):
        return hold_out(opened, held_out, seed)
    return opened


def _open_source(data: Data, input: Input) -> DataSet:
    """Open the data with the splits that they are stored in."""
    if isinstance(data, ArraysData):
        from kresnet.data.sources.arrays import open_arrays

        return open_arrays(data, input)
    require_image(input)
    if isinstance(data, EmbeddedData):
        from kresnet.data.sources.embedded import open_embedded

        return open_embedded(input)
    if isinstance(data, FolderData):
        from kresnet.data.sources.folder import open_folder

        return open_folder(data, input)
    if isinstance(data, TableData):
        from kresnet.data.sources.table import open_table

        return open_table(data, input)
    if isinstance(data, PreparedData):
        from kresnet.data.sources.prepared import open_prepared

        return open_prepared(data, input)
    # TensorFlow Datasets takes a while to import.
    from kresnet.data.sources.tfds import open_tfds

    return open_tfds(data, input)
