"""A table of image files, one a row, with what is to be learned of each."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, StrictStr, model_validator
from pydantic_core import PydanticKnownError

from kresnet.spec.base import contradiction_error
from kresnet.spec.recipe.validation import Data, Fold, ShareOrSplit, ValidatedData

Column = Annotated[StrictStr, Field(min_length=1, max_length=500)]


def _check_columns(value: Any) -> Any:
    """Refuse what is neither text nor a list of texts. A union's own errors name its members, a document does not."""
    columns = list(value) if isinstance(value, list | tuple) else [value]
    if not columns:
        raise PydanticKnownError("too_short", {"field_type": "List", "min_length": 1, "actual_length": 0})
    for column in columns:
        if not isinstance(column, str):
            raise PydanticKnownError("string_type")
        if not column:
            raise PydanticKnownError("string_too_short", {"min_length": 1})
    return value


#: One column, or several.
Columns = Annotated[Column | tuple[Column, ...], BeforeValidator(_check_columns)]


def _check_split(value: Any) -> Any:
    if isinstance(value, str):
        return value
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise PydanticKnownError("string_type")
    if not 0 < value < 1:
        raise (
            PydanticKnownError("less_than", {"lt": 1.0})
            if value > 0
            else PydanticKnownError("greater_than", {"gt": 0.0})
        )
    return value


@Data.register
class TableData(ValidatedData):
    """A table that lists image files: CSV, TSV, JSON lines or Parquet, by its ending; `.gz` and the like are unpacked.

    Exactly one of `label`, `labels` and `values` says what is to be learned.
    """

    kind: Literal["table"]
    path: StrictStr
    """The table: `.csv` or `.tsv`, whose first row names the columns, `.jsonl`, `.ndjson` or `.parquet`."""
    root: StrictStr | None = None
    """Folder that relative paths of images begin in; the table's own folder when absent."""
    image: Column = "image"
    """Column of the images' paths."""
    label: Column | None = None
    """Column of the class of an image that has one."""
    labels: Columns | None = None
    """Independent labels of an image: one column that lists those it has, separated by `separator` (or a list, in JSON
    lines and Parquet; an empty cell: none of them), or a list of columns, one a label, each 0 or 1."""
    separator: Annotated[StrictStr, Field(min_length=1, max_length=8)] = "|"
    """What stands between two labels of a cell."""
    values: Columns | None = None
    """Numbers to predict, for a head of `kind: regressor`: one column, or a list of columns."""
    classes: Annotated[tuple[Column, ...], Field(min_length=1, max_length=65_536)] | None = None
    """Classes or labels in their order; another one in the table is an error. When absent, those of the training rows,
    sorted: as numbers where all are whole numbers."""
    split: Column | None = None
    """Column that says which split a row belongs to; rows of other splits are not read."""
    train_split: StrictStr = "train"
    """What the column `split` says of rows to train on."""
    test_split: Annotated[StrictStr | float, BeforeValidator(_check_split)] = "test"
    """What the column `split` says of rows to evaluate on; of a table without such a column, the share of its rows that
    is evaluated on, such as 0.2: the same rows each time whatever the recipe's seed, stratified by class."""
    validation: ShareOrSplit = None
    """Images to validate on after each epoch, and to choose by: a share of the training images, such as 0.1, drawn by
    the run's seed and stratified by class; or what the column `split` says of them. Without it epochs are measured on
    test images, and nothing may be chosen."""
    fold: Fold | None = None
    """Validate on one of several equal parts of the training images instead, `{fold: 1, folds: 5}`."""
    group: Column | None = None
    """Column of groups, such as patients, whose images stay together where rows are divided."""
    weight: Column | None = None
    """Column of weights, 0 or more: how many times an image's loss counts in training; once in evaluation."""
    on_unreadable: Literal["stop", "skip"] = "stop"
    """What to do about images that are missing or cannot be read: end, naming them; or leave them out. Then every image
    is read once before the run begins, and what is left out is noted in `data.json` and counted in the result."""

    @model_validator(mode="after")
    def _one_target(self) -> TableData:
        stated = [name for name in ("label", "labels", "values") if getattr(self, name) is not None]
        if len(stated) != 1:
            message = "A table says what is to be learned by exactly one of `label`, `labels` and `values`"
            found = f"; {' and '.join(stated)} are stated" if stated else "; none is stated"
            raise contradiction_error(stated[-1] if stated else "label", message + found, "label: COLUMN")
        if self.separator != "|" and not isinstance(self.labels, str):
            raise contradiction_error("separator", "Only one column of `labels` is separated", "leave `separator` out")
        if self.classes is not None and (self.values is not None or isinstance(self.labels, tuple)):
            message = "Values have no classes" if self.values is not None else "The columns of `labels` name the labels"
            raise contradiction_error("classes", message, "leave `classes` out")
        for name in ("labels", "values", "classes"):
            columns = getattr(self, name)
            if isinstance(columns, tuple) and len(set(columns)) < len(columns):
                twice = next(each for each in columns if columns.count(each) > 1)
                raise contradiction_error(name, f"`{name}` states {twice!r} twice", "state each once")
        return self

    @model_validator(mode="after")
    def _one_division(self) -> TableData:
        if self.split is None and self.train_split != "train":
            raise contradiction_error("train_split", "Without a column `split` no row is of it", "split: COLUMN")
        if self.split is None and isinstance(self.test_split, str):
            message = "What to evaluate on is not said: by a column of the table, or by a share of its rows"
            raise contradiction_error("split", message, "split: COLUMN, or test_split: 0.2")
        if self.split is not None and not isinstance(self.test_split, str):
            message = "The column `split` says which rows are evaluated on, and `test_split` what it says of them"
            raise contradiction_error("test_split", message, "test_split: test, or leave `split` out")
        if self.split is None and isinstance(self.validation, str):
            message = "Without a column `split` no row is of a split to validate on"
            raise contradiction_error("validation", message, "validation: 0.1")
        for setting in ("test_split", "validation"):
            if self.split is not None and getattr(self, setting) == self.train_split:
                raise contradiction_error(
                    setting, f"`{setting}` names the rows to train on", "split: COLUMN, whose values tell them apart"
                )
        if self.split is not None and self.validation == self.test_split:
            raise contradiction_error("validation", "`validation` names the rows to test on", "validation: 0.1")
        return self
