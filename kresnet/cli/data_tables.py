"""A survey of data as text and tables for a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from rich.table import Table
from rich.text import Text

from kresnet import terminal
from kresnet.cli.common import stdout_console
from kresnet.cli.table_layout import fitting_table
from kresnet.data.survey.data_survey import DataSurvey
from kresnet.data.survey.image_headers import ImageHeaders
from kresnet.errors import Problem

#: How many classes are shown; of more, those with the most and the fewest images.
_SHOWN = 20
#: How many copies, unreadable files and sizes are named.
_NAMED = 5


def print_survey(survey: DataSurvey) -> None:
    """Print what data would be read as, and what is in them."""
    out = stdout_console()
    out.print(Text(f"{terminal.harmless(survey.name)}: {_subject(survey)}", style="bold"), soft_wrap=True)
    if survey.splits:
        out.print(_split_table(survey))
    for label, text in _facts(survey):
        out.print(Text.assemble((f"{label}: ", "dim"), terminal.harmless(text)), soft_wrap=True)
    for note in (*survey.notes, *survey.sampled):
        out.print(Text(terminal.harmless(note)), soft_wrap=True)
    for problem in survey.problems:
        out.print(_problem_text(problem), soft_wrap=True)
    if not survey.problems:
        out.print(Text.assemble(("to train on it: ", "dim"), (survey.command(), "green")), soft_wrap=True)


def _subject(survey: DataSurvey) -> str:
    """Return in words what the data are."""
    count = len(survey.classes)
    what = {
        "classes": f"{count:,} classes",
        "labels": f"{count:,} independent labels",
        "values": f"{survey.values} value{'s' * (survey.values != 1)} to predict",
        "": "nothing to learn that is known",
    }[survey.targets]
    kind = {"folder": "a folder of images", "table": "a table of images", "arrays": "NumPy arrays",
            "tfds": "a data set of TensorFlow Datasets", "embedded": "images that ship with kresnet",
            "prepared": "prepared data"}  # fmt: skip
    return f"{kind[survey.kind]}, {what}"


def _split_table(survey: DataSurvey) -> Table:
    """Return the number of images of each class in each split."""
    names = list(survey.splits)
    table = fitting_table("class", *names, right=names, wraps=("class",))
    totals: dict[str, int] = {}
    for split in survey.splits.values():
        for name, count in split.classes.items():
            totals[name] = totals.get(name, 0) + count
    shown = list(totals)
    hidden = max(len(shown) - _SHOWN, 0)
    if hidden:
        ordered = sorted(totals, key=lambda name: -totals[name])
        shown = [*ordered[: _SHOWN // 2], *ordered[-_SHOWN // 2 :]]
    for place, name in enumerate(shown):
        if hidden and place == _SHOWN // 2:
            table.add_row(f"… {hidden:,} more …", *[""] * len(names), style="dim")
        cells = (f"{split.classes.get(name, 0):,}" if split.classes else "" for split in survey.splits.values())
        table.add_row(terminal.harmless(name), *cells)
    table.add_row("images", *(f"{split.images:,}" for split in survey.splits.values()), style="bold")
    return table


def _facts(survey: DataSurvey) -> Iterator[tuple[str, str]]:
    headers = survey.headers
    if headers.sizes:
        yield "sizes", _sizes(headers)
        yield "modes", _counts(headers.modes)
        yield "formats", _counts(headers.formats)
    if headers.orientations:
        yield "EXIF orientations", ", ".join(f"{number}: {count:,}" for number, count in headers.orientations.items())
    if headers.unreadable:
        named = "; ".join(f"{name}: {reason}" for name, reason in list(headers.unreadable.items())[:_NAMED])
        yield "not readable", f"{len(headers.unreadable):,} of {headers.read:,}: {named}"
    if survey.copies.count:
        groups = "; ".join(" = ".join(group[:_NAMED]) for group in survey.copies.groups[:_NAMED])
        across = f", {len(survey.copies.across):,} times across splits" if survey.copies.across else ""
        other = f", {len(survey.copies.contradictory):,} times of other classes" if survey.copies.contradictory else ""
        yield "copies", f"{survey.copies.count:,} of {survey.copies.compared:,} files{across}{other}: {groups}"
    for split, reasons in survey.passed_over.items():
        for reason, (count, example) in reasons.items():
            yield f"not read ({split})", f"{count:,} {reason}, such as {example}"


def _sizes(headers: ImageHeaders) -> str:
    most = ", ".join(f"{w} x {h}: {count:,}" for (w, h), count in list(headers.sizes.items())[:_NAMED])
    if len(headers.sizes) <= _NAMED:
        return most
    found: dict[str, Any] = headers.as_dict()
    extents = " x ".join(f"{found[axis]['smallest']} to {found[axis]['largest']}" for axis in ("widths", "heights"))
    return f"{len(headers.sizes):,} different ones, {extents} pixels (width x height); most often {most}"


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name}: {count:,}" for name, count in counts.items())


def _problem_text(problem: Problem) -> Text:
    styles = {"message": "bold", "code": "red", "label": "dim", "remedy": "green", "nearest": "green"}
    return Text.assemble(*((terminal.harmless(text), styles.get(name, "")) for name, text in problem.pieces()))


__all__ = ["print_survey"]
