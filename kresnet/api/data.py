"""A look at data before they are trained on."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from kresnet.files import AnyPath

if TYPE_CHECKING:
    from kresnet.data.prepared.manifest import PreparedManifest
    from kresnet.data.survey.data_survey import DataSurvey
    from kresnet.spec.overrides import Overrides


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


def prepare_data(
    reference: AnyPath,
    output: AnyPath,
    overrides: Overrides = (),
    *,
    shorter_side: int | None = None,
    quality: int | None = None,
    deduplicate: bool = False,
    skip_unreadable: bool = False,
    shard_examples: int | None = None,
    seed: int = 0,
) -> PreparedManifest:
    """Write data once into array_record shards, which a recipe's `data: {kind: prepared, path: DIR}` reads by position.

    Every image is read and decoded once. Training images are stored in random order, those of the other splits in their
    own. A preparation that was stopped goes on when it is called again with the same arguments: a shard is whole or not
    there.

    Args:
        reference: the data, as for `describe_data`; images, not vectors.
        output: a new folder, or the one of a preparation that was stopped.
        overrides: settings of `recipe.data`, as for `describe_data`; which examples validate is left to the recipe
            unless they are a split of their own.
        shorter_side: make larger images smaller to this shorter side in pixels, where the file becomes smaller by it;
            other files stay as they are, to the byte.
        quality: of JPEG files that are made smaller; 90 by default.
        deduplicate: leave out files whose bytes are those of another: the first stays, in test before validation before
            training examples.
        skip_unreadable: leave out images that cannot be read, listed in `left_out.jsonl`.
        shard_examples: examples of a shard; by default as many as make 64 MiB.
        seed: of the order in which training images are stored.

    Returns:
        What was written: `as_dict()` is JSON-ready, and what `prepared.json` holds.

    Raises:
        KresnetError: `image_unreadable`, all images that cannot be read, after every other shard was written;
            `output_exists`, `contradiction`, `bad_option`, `run_locked`, `disk_full`; what opening the data raises.
    """
    from kresnet.api.progress import CountProgress
    from kresnet.errors import make_error
    from kresnet.runtime import import_tensorflow
    from kresnet.terminal import log

    if quality is not None and shorter_side is None:
        raise make_error("bad_option", "--quality is that of images that are made smaller.",
                         remedy="--shorter-side 512")  # fmt: skip
    import_tensorflow()
    from kresnet.data.preparation.prepare import Preparation, PreparationOptions
    from kresnet.data.preparation.source import open_source

    data = open_source(str(reference), overrides)
    options = PreparationOptions(shorter_side, 90 if quality is None else quality, shard_examples, deduplicate, seed)
    progress = CountProgress("images")
    preparation = Preparation(
        data, Path(output), options, skip_unreadable=skip_unreadable, progress=progress.show, log=log
    )
    try:
        return preparation.run()
    finally:
        progress.end()


__all__ = ["describe_data", "prepare_data"]
