"""A survey of a table: what its columns hold, and what would be read of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from kresnet.data.description import SPLITS
from kresnet.data.survey.copies import LabelledFile, find_copies
from kresnet.data.survey.data_survey import (
    GRID_CLASSES,
    GRID_PICTURES,
    MOST_COMPARED,
    MOST_HEADERS,
    DataSurvey,
    SplitSurvey,
    class_notes,
    evenly,
    header_notes,
    sampling_notes,
)
from kresnet.data.survey.image_headers import read_headers
from kresnet.data.survey.table_columns import HEAD_ROWS, guess_settings
from kresnet.data.tables.examples import TableExamples, read_examples
from kresnet.data.tables.table_file import TableFile
from kresnet.errors import KresnetError, Problem
from kresnet.spec.loading import load_recipe
from kresnet.spec.overrides import Overrides
from kresnet.spec.recipe import TableData

#: Settings of which a table states one.
_TARGETS = ("label", "labels", "values")
#: Rows whose images are looked for; of a longer table, an even part is opened.
_MOST_LOOKED_FOR = 200_000


def survey_table(
    path: Path, settings: Mapping[str, Any], stated: Mapping[str, Any], overrides: Overrides
) -> DataSurvey:
    """Look at a table of images.

    Args:
        path: the table.
        settings: what a recipe says under `data`, as far as it is known.
        stated: those of the settings that the caller states, and that are not to be guessed.
        overrides: the same as `PATH=VALUE`.

    Raises:
        KresnetError: what is wrong with the file as a whole, or with the settings stated.
    """
    document = complete_settings(path, settings, stated)
    columns = f"Columns were told from their names and the first {HEAD_ROWS} rows: --set recipe.data.label=COLUMN and "
    columns += "the like say it otherwise."
    survey = DataSurvey(name=str(path), kind="table", settings=document, notes=[columns])
    if not any(document.get(name) for name in _TARGETS):
        message = f"No column of {path} looks like labels or values to learn."
        remedy = (
            "--set recipe.data.label=COLUMN; or --set recipe.data.labels=COLUMN; or --set recipe.data.values=COLUMN"
        )
        names = ", ".join(TableFile(path).column_names())
        return replace(survey, problems=[Problem("data_mismatch", message, found=names, remedy=remedy)])
    data = _validated(document, overrides)
    examples, problems = _read(data)
    if examples is None:
        return replace(survey, problems=problems)
    return _described(survey, data, examples, problems)


def complete_settings(path: Path, settings: Mapping[str, Any], stated: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a recipe says under `data` of a table, with guesses of what is not stated.

    Args:
        path: the table.
        settings: what is known.
        stated: those of the settings that the caller states, and that are not to be guessed.

    Raises:
        KresnetError: what is wrong with the file as a whole.
    """
    guessed = guess_settings(TableFile(path).head(HEAD_ROWS))
    if any(name in stated for name in _TARGETS):
        guessed = {name: value for name, value in guessed.items() if name not in (*_TARGETS, "separator")}
    if "split" in stated or isinstance(stated.get("test_split"), float):
        guessed = {name: value for name, value in guessed.items() if name not in ("split", "test_split", "train_split")}
    return dict(settings) | guessed | dict(stated)


def _validated(document: Mapping[str, Any], overrides: Overrides) -> TableData:
    recipe = {"name": "survey", "data": dict(document), "epochs": 1, "batch_size": 1,
              "optimizer": {"kind": "sgd", "learning_rate": 0.1}}  # fmt: skip
    data = load_recipe(recipe, overrides).value.data
    assert isinstance(data, TableData)
    return data


def _read(data: TableData) -> tuple[TableExamples | None, Sequence[Problem]]:
    """Return what a table lists, and what is wrong with it; images that are not there are left out if need be."""
    try:
        return read_examples(data, most_files=_MOST_LOOKED_FOR), ()
    except KresnetError as error:
        problems = error.problems
    try:
        data = data.model_copy(update={"on_unreadable": "skip"})
        return read_examples(data, most_files=_MOST_LOOKED_FOR), problems
    except KresnetError:
        return None, problems


def _described(survey: DataSurvey, data: TableData, examples: TableExamples, problems: Sequence[Problem]) -> DataSurvey:
    count, targets = len(examples.names), examples.targets
    splits = {
        name: SplitSurvey(len(positions), _class_counts(examples, positions))
        for name in SPLITS
        if len(positions := examples.positions(name))
    }
    opened, compared = evenly(count, MOST_HEADERS), evenly(count, MOST_COMPARED)
    headers = read_headers(
        (name, Path(path))
        for name, path in zip(_texts(examples.names, opened), _texts(examples.paths, opened), strict=True)
    )
    if headers.read and len(headers.unreadable) == headers.read and not problems:
        message = f"None of the {headers.read:,} images of {data.path} that were looked for can be read."
        first = next(f"{name}: {reason}" for name, reason in headers.unreadable.items())
        problems = [Problem("data_missing", message, found=first, remedy="--set recipe.data.root=FOLDER")]
    files = (
        LabelledFile(name, Path(path), str(targets.array[place].tolist()), SPLITS[examples.split_of[place]])
        for place, name, path in zip(
            compared, _texts(examples.names, compared), _texts(examples.paths, compared), strict=True
        )
    )
    notes = [*survey.notes, *class_notes(splits), *header_notes(headers)]
    if examples.same:
        notes.append(f"{examples.same:,} rows list an image that an earlier row lists, with the same target.")
    if examples.groups is not None:
        counts = np.unique(examples.groups, return_counts=True)[1]
        notes.append(f"{len(counts):,} groups, the largest of {counts.max():,} images.")
    return replace(
        survey,
        settings={
            name: survey.settings[name]
            for name in TableData.model_fields
            if name in survey.settings and survey.settings[name] != _default(name)
        },
        targets=targets.kind,
        values=targets.array.shape[1] if targets.kind == "values" else 0,
        splits=splits,
        headers=headers,
        copies=find_copies(files),
        passed_over=examples.passed_over,
        problems=problems,
        notes=notes,
        sampled=sampling_notes(count, opened=len(opened), compared=len(compared)),
        pictures=_pictures(examples),
    )


def _default(name: str) -> Any:
    return TableData.model_fields[name].default


def _class_counts(examples: TableExamples, positions: np.ndarray) -> dict[str, int]:
    targets = examples.targets
    if targets.kind == "values":
        return {}
    array = targets.array[positions]
    counts = np.bincount(array, minlength=len(targets.names)) if targets.kind == "classes" else array.sum(0, np.int64)
    return dict(zip(targets.names, counts.tolist(), strict=True))


def _pictures(examples: TableExamples) -> dict[str, list[Path]]:
    """Return some training images of each class or label; of values, some of all."""
    train, targets = examples.positions("train"), examples.targets
    of_class: dict[str, np.ndarray] = {"all": train}
    if targets.kind != "values":
        array = targets.array[train]
        of_class = {
            name: train[array == number if targets.kind == "classes" else array[:, number] > 0]
            for number, name in enumerate(targets.names[:GRID_CLASSES])
        }
    return {
        name: [Path(path) for path in _texts(examples.paths, places[evenly(len(places), GRID_PICTURES)])]
        for name, places in of_class.items()
    }


def _texts(column: Any, places: np.ndarray) -> list[str]:
    return column.take(places).to_pylist()


__all__ = ["complete_settings", "survey_table"]
