"""A survey of data that have to be opened to be looked at: NumPy arrays, TensorFlow Datasets, what ships with kresnet.

They are opened as a run opens them, which imports TensorFlow.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from kresnet.data.survey.data_survey import (
    GRID_CLASSES,
    GRID_PICTURES,
    DataSurvey,
    Picture,
    SplitSurvey,
    class_notes,
    evenly,
    header_notes,
)
from kresnet.data.survey.image_headers import ImageHeaders, read_headers
from kresnet.spec.inputs import Input, Pixels
from kresnet.spec.loading import LoadedDocument, load_recipe
from kresnet.spec.overrides import Overrides
from kresnet.spec.recipe import ArraysData, Data, EmbeddedData, PreparedData, Recipe, TfdsData

if TYPE_CHECKING:
    from kresnet.data.sources import DataSet

#: Of how many examples of a split the targets are read, and of how many the headers, where they lie in records.
_MOST_TARGETS, _MOST_RECORDS = 100_000, 2_000
#: Height and width that stored images of many sizes are shown at.
_SIDE = 96


def survey_opened(settings: Mapping[str, Any], overrides: Overrides) -> DataSurvey:
    """Open data and look at them.

    Args:
        settings: what a recipe says under `data`.
        overrides: further settings of `data`.

    Raises:
        KresnetError: what opening the data raises.
    """
    loaded = load_data_settings(settings, overrides)
    data = loaded.value.data
    from kresnet.runtime import import_tensorflow

    import_tensorflow()
    from kresnet.data.sources import open_data

    opened = open_data(data, suitable_input(data), seed=0)
    splits, sampled = {}, []
    for name, split in opened.splits.items():
        places = evenly(len(split), _MOST_TARGETS)
        splits[name] = SplitSurvey(len(split), _class_counts(opened, split.source.targets(split.positions[places])))
        if len(places) < len(split):
            sampled.append(f"Classes of {name} were counted in {len(places):,} of {len(split):,} examples.")
    headers = _headers(data, opened)
    if headers.read < len(opened.train) and isinstance(data, TfdsData | PreparedData):
        sampled.append(f"{headers.read:,} of {len(opened.train):,} images of train were looked at, evenly spread.")
    notes = [*opened.description.remarks, *class_notes(splits), *header_notes(headers)]
    return DataSurvey(
        name=opened.name,
        kind=data.kind,
        settings={name: value for name, value in loaded.source.values["data"].items() if value is not None},
        targets=opened.targets.kind,
        values=int(np.prod(opened.targets.shape)) if opened.targets.kind == "values" else 0,
        splits=splits,
        headers=headers,
        passed_over=opened.passed_over,
        notes=notes,
        sampled=sampled,
        pictures=_pictures(opened) if opened.train.input.is_image else {},
    )


def load_data_settings(settings: Mapping[str, Any], overrides: Overrides) -> LoadedDocument[Recipe]:
    """Return a recipe of which only `data` matters.

    Raises:
        KresnetError: all problems of the settings at once.
    """
    recipe = {"name": "survey", "data": dict(settings), "epochs": 1, "batch_size": 1,
              "optimizer": {"kind": "sgd", "learning_rate": 0.1}}  # fmt: skip
    return load_recipe(recipe, overrides)


def suitable_input(data: Data) -> Input:
    """Return the input of a network that takes the data as they are stored, or where sizes differ, 96 x 96."""
    shape: tuple[int, ...] = (28, 28, 1)
    if isinstance(data, TfdsData):
        from kresnet.data.sources.tfds import stored_image_shape

        height, width, channels = stored_image_shape(data)
        shape = (height or _SIDE, width or _SIDE, channels or 3)
    elif isinstance(data, ArraysData):
        shape = _array_shape(Path(data.path).expanduser())
    elif not isinstance(data, EmbeddedData):
        shape = (_SIDE, _SIDE, 3)
    return Input(shape=shape, pixels=Pixels() if len(shape) == 3 else None)


def _array_shape(path: Path) -> tuple[int, ...]:
    """Return the shape of one example of an `.npz` file; of a file that holds none, what makes opening it say so."""
    try:
        with np.load(path, allow_pickle=False) as arrays:
            shape = arrays["train_inputs"].shape[1:]
    except Exception:  # what is wrong with the file is told when it is opened
        shape = ()
    return shape if len(shape) in (1, 3) and 0 not in shape else (1,)


def _class_counts(data: DataSet, targets: np.ndarray) -> dict[str, int]:
    if data.targets.kind == "values":
        return {}
    names = data.class_names
    if data.targets.kind == "classes":
        counts = np.bincount(targets[(targets >= 0) & (targets < len(names))], minlength=len(names))
    else:
        counts = targets.sum(axis=0).astype(np.int64)
    return dict(zip(names, counts.tolist(), strict=True))


def _headers(data: Data, opened: DataSet) -> ImageHeaders:
    """Return what headers say of stored files; of arrays the one size and mode that all images have."""
    split = opened.train
    if isinstance(data, TfdsData | PreparedData):
        from kresnet.data.sources.prepared import PreparedSource
        from kresnet.data.sources.tfds import RecordSource

        assert isinstance(split.source, RecordSource | PreparedSource)
        places = split.positions[evenly(len(split), _MOST_RECORDS)]
        names = (split.source.example_name(int(place)) for place in places)
        return read_headers(zip(names, split.source.encoded_images(places), strict=True))
    if not split.input.is_image:
        return ImageHeaders()
    count = sum(len(each) for each in opened.splits.values())
    height, width, channels = split.input.shape
    mode = {1: "grey", 3: "RGB"}.get(channels, f"{channels} channels")
    return ImageHeaders(count, {"array": count}, {mode: count}, {(width, height): count})


def places_of_classes(data: DataSet) -> dict[str, np.ndarray]:
    """Return where some training examples of the first classes or labels stand in their split; of values, some of all.

    They are looked for among some thousands, evenly spread: where labels lie with the images, all would take a while.
    """
    split = data.train
    places = evenly(len(split), _MOST_RECORDS)
    targets = split.source.targets(split.positions[places])
    if data.targets.kind == "values":
        of_class = {"all": places}
    else:
        of_class = {
            name: places[targets == number if data.targets.kind == "classes" else targets[:, number] > 0]
            for number, name in enumerate(data.class_names[:GRID_CLASSES])
        }
    return {name: some[evenly(len(some), GRID_PICTURES)] for name, some in of_class.items()}


def _pictures(data: DataSet) -> dict[str, list[Picture]]:
    """Return some images of the first classes or labels, those in records as they are stored."""
    from kresnet.data.sources.prepared import PreparedSource
    from kresnet.data.sources.tfds import RecordSource

    split, chosen = data.train, places_of_classes(data)
    if isinstance(split.source, RecordSource | PreparedSource):
        return {name: list(split.source.encoded_images(split.positions[some])) for name, some in chosen.items()}
    return {name: list(split.fetch(some)[0].numpy()) for name, some in chosen.items() if len(some)}


__all__ = ["places_of_classes", "suitable_input", "survey_opened"]
