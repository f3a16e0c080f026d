"""The number of images that a recipe trains on, where it can be read without TensorFlow."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from kresnet.data import embedded
from kresnet.data.tables.examples import read_examples
from kresnet.errors import KresnetError
from kresnet.spec.recipe import ArraysData, Data, EmbeddedData, TableData, TfdsData

#: A split, or one slice of it, in TensorFlow Datasets' language.
_SPLIT = re.compile(r"(?P<name>\w+)(\[(?P<start>-?\d+%?)?:(?P<stop>-?\d+%?)?\])?")


def training_image_count(data: Data) -> int | None:
    """Return the number of training images, or None if the data are not here or of a kind that does not say it.

    Images to validate on are counted out: exactly, but where there are groups, or classes of very few images.
    """
    images = _stored_image_count(data)
    if images is None:
        return None
    if data.fold:
        return images - len(range(data.fold.fold - 1, images, data.fold.folds))
    return images - round(images * data.validation) if isinstance(data.validation, float) else images


def _stored_image_count(data: Data) -> int | None:
    """Return the number of images of the split to train on, those to validate on among them."""
    if isinstance(data, EmbeddedData):
        return _embedded_image_count()
    if isinstance(data, ArraysData):
        try:
            with np.load(Path(data.path).expanduser(), allow_pickle=False) as arrays:
                return len(arrays["train_targets"])
        except (OSError, ValueError, KeyError, TypeError, BadZipFile):
            return None
    if isinstance(data, TableData):
        try:
            return len(read_examples(data, most_files=0).positions("train"))
        except KresnetError:
            return None
    if isinstance(data, TfdsData) and data.data_dir and (split := _SPLIT.fullmatch(data.train_split)):
        folder = Path(data.data_dir).expanduser() / data.name.replace(":", "/")
        for path in [folder / "dataset_info.json", *sorted(folder.glob("**/dataset_info.json"), reverse=True)]:
            try:
                splits = json.loads(path.read_text(encoding="utf-8"))["splits"]
                sizes = {each["name"]: sum(map(int, each["shardLengths"])) for each in splits}
            except (OSError, ValueError, KeyError, TypeError):
                continue
            if split["name"] in sizes:
                return _slice_size(sizes[split["name"]], split["start"], split["stop"])
    return None


@cache
def _embedded_image_count() -> int:
    return len(embedded.read_embedded()["train_labels"])


def _slice_size(size: int, start: str | None, stop: str | None) -> int:
    """How many of `size` images a slice takes; percents are rounded as TensorFlow Datasets does."""

    def place(text: str) -> int:
        at = round(int(text[:-1]) * size / 100) if text.endswith("%") else int(text)
        return min(max(at + size if at < 0 else at, 0), size)

    return max((place(stop) if stop else size) - (place(start) if start else 0), 0)
