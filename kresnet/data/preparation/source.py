"""Opens the data that are to be prepared: all splits as they are stored, every example of them."""

from __future__ import annotations

from pathlib import Path

from kresnet.data.sources import open_data
from kresnet.data.sources.dataset import DataSet
from kresnet.data.survey.opened import load_data_settings, suitable_input
from kresnet.data.survey.survey import stated_settings
from kresnet.data.survey.tables import complete_settings
from kresnet.errors import make_error
from kresnet.spec.overrides import Overrides
from kresnet.spec.recipe.data_reference import read_data_reference


def open_source(reference: str, overrides: Overrides = ()) -> DataSet:
    """Open data to prepare them.

    A share of the training examples to validate on, or a fold, is none of the data's own: a run draws it.

    Args:
        reference: the data in one word, as `read_data_reference` takes them.
        overrides: settings of `recipe.data` that are known; those of a table's columns are else guessed.

    Raises:
        KresnetError: what opening the data raises; `contradiction` for vectors, and for data that were prepared before.
    """
    settings = read_data_reference(reference)
    of_data, stated = stated_settings(overrides)
    if settings["kind"] == "prepared":
        raise make_error("contradiction", f"{reference} was prepared already.", remedy="the data that it was made of")
    if settings["kind"] == "table":
        settings = complete_settings(Path(settings["path"]), settings, stated)
    data = load_data_settings(settings, of_data).value.data
    as_stored = {"validation": data.validation if isinstance(data.validation, str) else None, "fold": None}
    # What cannot be read is found while it is written, rather than before.
    as_stored |= {"on_unreadable": "stop"} if hasattr(data, "on_unreadable") else {}
    input = suitable_input(data)
    if not input.is_image:
        message = f"{reference} holds vectors; only images are prepared."
        raise make_error("contradiction", message, remedy="train on the arrays as they are")
    return open_data(data.model_copy(update=as_stored), input, 0)


__all__ = ["open_source"]
