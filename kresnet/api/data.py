"""A look at data before they are trained on."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from kresnet.files import AnyPath

if TYPE_CHECKING:
    from kresnet.data.survey.data_survey import DataSurvey
    from kresnet.spec.loading import Overrides


def describe_data(reference: AnyPath, overrides: Overrides = (), output: AnyPath | None = None) -> DataSurvey:
    """Say what data would be read as, and what is in them.

    Names, tables and the headers of files are read, of a great many files an even part; `sampled` says of what. Pixels
    are not, so that damage within a file is not seen: `on_unreadable: skip` finds it when a run begins.

    Args:
        reference: a folder, a table, an `.npz` file, the name of a data set of TensorFlow Datasets, or `embedded`.
        overrides: settings of `recipe.data` that are known, `{"recipe.data.label": "species"}`; what a table's columns
            hold is else told from their names and first rows.
        output: a file to write: `.png`, some images of each class; `.csv`, a table of the files in a folder.

    Returns:
        The survey: `as_dict()` is JSON-ready, `overrides()` are the settings of a run, `problems` prevent one.

    Raises:
        KresnetError: `data_missing` or `data_mismatch` where there is nothing to look at; `bad_override`, `bad_option`;
            `output_exists`, `not_writable` or `disk_full`.
    """
    from kresnet.data.survey.survey import survey_data, write_survey

    survey = survey_data(str(reference), overrides)
    if output is not None:
        write_survey(survey, Path(output))
    return survey


__all__ = ["describe_data"]
