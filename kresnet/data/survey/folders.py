"""A survey of a folder of images: how it is laid out, and what would be read of it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kresnet.data.folder_listing import is_image_file, list_folders, table_remedy
from kresnet.data.passed_over import PassedOverFiles
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
from kresnet.data.survey.table_columns import split_of_name
from kresnet.errors import Problem, make_error, nearest

#: Names of the image files of a split, by class.
_Classes = dict[str, list[str]]


@dataclass(frozen=True, slots=True)
class _Layout:
    """How a folder is laid out.

    Attributes:
        splits: folder and files of each split.
        passed_over: what else lies there.
        problems: why it is not read as it is.
    """

    splits: Mapping[str, tuple[Path, _Classes]]
    passed_over: Mapping[str, dict[str, tuple[int, str]]]
    problems: list[Problem] = field(default_factory=list)


def survey_folder(root: Path, settings: Mapping[str, Any], stated: Mapping[str, Any]) -> DataSurvey:
    """Look at a folder of images.

    Args:
        root: the folder.
        settings: what a recipe says under `data`, as far as it is known.
        stated: those of the settings that the caller states, and that are not to be guessed.

    Raises:
        KresnetError: `data_missing` where there is no such folder.
    """
    if not root.is_dir():
        raise make_error("data_missing", f"There is no folder {root}.",
                         nearest=nearest(root.name, list_folders(root.parent)),
                         remedy="kresnet data FOLDER")  # fmt: skip
    guessed = dict(settings) | _guess_splits(root, stated)
    layout = _read_layout(root, guessed)
    files = [
        LabelledFile(f"{name}/{label}/{file}" if label else f"{name}/{file}", folder / label / file, label, name)
        for name, (folder, classes) in layout.splits.items()
        for label, names in classes.items()
        for file in names
    ]
    opened = [files[place] for place in evenly(len(files), MOST_HEADERS)]
    compared = [files[place] for place in evenly(len(files), MOST_COMPARED)]
    headers, copies = read_headers((file.name, file.path) for file in opened), find_copies(compared)
    splits = {
        name: SplitSurvey(
            sum(map(len, classes.values())), {label: len(names) for label, names in classes.items() if label}
        )
        for name, (_, classes) in layout.splits.items()
    }
    folder, classes = next(iter(layout.splits.values()), (root, {}))
    return DataSurvey(
        name=str(root),
        kind="folder",
        settings=guessed,
        targets="classes" if any(split.classes for split in splits.values()) else "",
        splits=splits,
        headers=headers,
        copies=copies,
        passed_over=layout.passed_over,
        problems=layout.problems,
        notes=[*class_notes(splits), *header_notes(headers)],
        sampled=sampling_notes(len(files), opened=len(opened), compared=len(compared)),
        pictures={
            label: [folder / label / names[place] for place in evenly(len(names), GRID_PICTURES)]
            for label, names in list(classes.items())[:GRID_CLASSES]
        },
        files=files,
    )


def _guess_splits(root: Path, stated: Mapping[str, Any]) -> dict[str, str]:
    """Return the settings of the splits whose folders have other names than is taken for granted."""
    found: dict[str, str] = {}
    for name in list_folders(root):
        found.setdefault(split_of_name(name), name)
    settings = {}
    if found.get("train", "train") != "train":
        settings["train_split"] = found["train"]
    if "test" in found:
        settings |= {"test_split": found["test"]} if found["test"] != "test" else {}
        settings |= {"validation": found["validation"]} if "validation" in found else {}
    elif "validation" in found:  # then there is no other to evaluate on
        settings["test_split"] = found["validation"]
    return {name: value for name, value in settings.items() if name not in stated}


def _read_layout(root: Path, settings: Mapping[str, Any]) -> _Layout:
    """Return the splits of a folder; of one without splits its classes as `all`, of one without classes its files."""
    wanted = {
        "train": settings.get("train_split", "train"),
        "validation": settings.get("validation"),
        "test": settings.get("test_split", "test"),
    }
    names = {split: name for split, name in wanted.items() if isinstance(name, str)}
    there = {split: root / name for split, name in names.items() if (root / name).is_dir()}
    splits, passed_over, problems = {}, {}, []
    for split, folder in there.items():
        beside = PassedOverFiles(folder)
        beside.add_beside_classes()
        splits[split] = folder, {name: _image_names(folder / name, beside) for name in list_folders(folder)}
        passed_over[split] = beside.counts
    if "train" in there and "test" in there:
        problems += _class_problems(splits)
        others = [name for name in list_folders(root) if root / name not in there.values()]
        if others:
            passed_over["other"] = {"folders that are no split": (len(others), others[0])}
        return _Layout(splits, passed_over, problems)
    if there and "train" in there:
        message = f"{root} has a folder to train on, and none to test on."
        found, remedy = ", ".join(list_folders(root)), table_remedy(root / names["train"])
        expected = f"{root}/{names['test']}/CLASS/*.jpg"
        problems.append(Problem("data_missing", message, expected=expected, found=found, remedy=remedy))
        return _Layout(splits, passed_over, problems)
    return _layout_without_splits(root)


def _layout_without_splits(root: Path) -> _Layout:
    """Return the classes of a folder, or else its files, as the split `all`; and that they cannot be trained on so."""
    beside = PassedOverFiles(root)
    classes = {name: _image_names(root / name, beside) for name in list_folders(root)}
    direct = _image_names(root, PassedOverFiles(root), folders=False)
    if any(classes.values()):
        beside.add_beside_classes()
        message = f"{root} holds one folder a class, and no splits."
        remedy = table_remedy(root)
        there_is = {"all": (root, {name: files for name, files in classes.items() if files})}
    else:
        message = f"{root} holds no folders of images." if not direct else f"{root} holds images without classes."
        remedy = "list them in a table, with a column of labels; or sort them into a folder for each class"
        there_is = {"all": (root, {"": direct})} if direct else {}
    expected = f"{root}/train/CLASS/*.jpg and {root}/test/CLASS/*.jpg"
    problem = Problem("data_missing", message, expected=expected, remedy=remedy)
    return _Layout(there_is, {"all": beside.counts} if any(classes.values()) else {}, [problem])


def _class_problems(splits: Mapping[str, tuple[Path, _Classes]]) -> list[Problem]:
    problems = []
    for folder, classes in splits.values():
        for name, files in classes.items():
            if not files:
                message = f"The class folder {folder / name} holds no images."
                problems.append(Problem("data_empty", message, remedy="put images there, or remove the folder"))
        if not classes:
            problems.append(Problem("data_empty", f"{folder} holds no class folders."))
    (train, classes), *others = splits.values()
    for folder, other in others:
        if classes.keys() != other.keys() and classes and other:
            only = sorted(classes.keys() ^ other.keys())
            problems.append(Problem("data_mismatch", f"{train} and {folder} do not hold the same classes.",
                                    found=f"only in one of them: {', '.join(only[:10])}",
                                    remedy="give both splits the same class folders"))  # fmt: skip
    return problems


def _image_names(folder: Path, passed_over: PassedOverFiles, *, folders: bool = True) -> list[str]:
    """Return the names of the image files in a folder, sorted; no file is asked for its size."""
    found = []
    with os.scandir(folder) as entries:
        for entry in entries:
            if is_image_file(entry):
                found.append(entry.name)
            elif folders:
                passed_over.add(Path(entry))
    return sorted(found)


__all__ = ["survey_folder"]
