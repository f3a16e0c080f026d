"""The survey of data of any kind, named in one word."""

from __future__ import annotations

import csv
import io
import os
from pathlib import Path
from typing import Any

from kresnet.data.survey.data_survey import DataSurvey
from kresnet.data.survey.folders import survey_folder
from kresnet.data.survey.picture_grid import draw_grid
from kresnet.data.survey.tables import survey_table
from kresnet.errors import make_error
from kresnet.files import refuse_existing, staged_file, translate_os_errors, write_text
from kresnet.spec.overrides import Overrides, list_overrides, parse_override, split_overrides
from kresnet.spec.recipe.data_reference import read_data_reference


def survey_data(reference: str, overrides: Overrides = ()) -> DataSurvey:
    """Say what data would be read as, and what is in them.

    Args:
        reference: a folder, a table, an `.npz` file, the name of a data set of TensorFlow Datasets, or `embedded`; also
            `folder:PATH`, `table:FILE` and so on.
        overrides: settings of `recipe.data` that are known, such as `recipe.data.label=species`.

    Raises:
        KresnetError: `data_missing` where there is nothing of that name, or what is wrong with it as a whole;
            `bad_override` for other settings.
    """
    settings = read_data_reference(reference)
    of_data, stated = stated_settings(overrides)
    if settings["kind"] == "folder":
        return survey_folder(Path(settings["path"]), settings | stated, stated)
    if settings["kind"] == "table":
        return survey_table(Path(settings["path"]), settings, stated, of_data)
    from kresnet.data.survey.opened import survey_opened

    return survey_opened(settings, of_data)


def stated_settings(overrides: Overrides) -> tuple[list[Any], dict[str, Any]]:
    """Return the overrides of a recipe, and the settings of `data` that they state."""
    of_spec, of_recipe = split_overrides(overrides)
    parsed = [parse_override(each) if isinstance(each, str) else each for each in list_overrides(of_recipe)]
    other = [str(each) for each in of_spec] + [f"recipe.{each.path}" for each in parsed if each.path[:5] != "data."]
    if other:
        raise make_error("bad_override", "Data are described by settings of recipe.data.", path=other[0],
                         expected="recipe.data.label=COLUMN and the like", found=other[0],
                         remedy=f"leave --set {other[0]} out")  # fmt: skip
    return parsed, {each.path.removeprefix("data."): each.value for each in parsed}


def write_survey(survey: DataSurvey, output: Path) -> None:
    """Write what belongs to a survey: its pictures on a grid (`.png`), or the files of a folder as a table (`.csv`).

    Raises:
        KresnetError: `bad_option` for another ending, or a table of what is none; `output_exists`, `not_writable`.
    """
    ending = output.suffix.lower()
    if ending not in (".png", ".csv") or (ending == ".csv" and not survey.files):
        expected = ".png for pictures" + (", .csv for a table of the files" if survey.files else "")
        raise make_error("bad_option", f"What to write in {output} is not known by its name.", path="--output",
                         expected=expected, found=output.suffix or "no ending")  # fmt: skip
    refuse_existing(output)
    with translate_os_errors(output):
        output.parent.mkdir(parents=True, exist_ok=True)
        if ending == ".csv":
            write_text(output, _table(survey, output))
            return
        with staged_file(output) as beside:
            draw_grid(survey.pictures).save(beside, "PNG")


def _table(survey: DataSurvey, output: Path) -> str:
    """Return the files of a folder as CSV, their paths relative to where the table will be."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    split = ["split"] if "train" in survey.splits else []
    label = ["label"] if survey.classes else []
    writer.writerow(["image", *label, *split])
    folder = output.resolve().parent
    for file in survey.files:
        path = os.path.relpath(file.path.parent.resolve(), folder)
        writer.writerow([f"{path}/{file.path.name}".removeprefix("./"), *[file.label] * len(label),
                         *[file.split] * len(split)])  # fmt: skip
    return text.getvalue()


__all__ = ["stated_settings", "survey_data", "write_survey"]
