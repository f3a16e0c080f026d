"""Networks on disk, in a run or beside one: loaded, and asked of images."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kresnet.api.network import Network
from kresnet.api.progress import CountProgress
from kresnet.api.run import Run, as_image_list
from kresnet.api.stored_networks import load_predictor, open_network, open_trained
from kresnet.errors import KresnetError, make_error, shell_word
from kresnet.files import AnyPath
from kresnet.spec.loading import Reference

if TYPE_CHECKING:
    import keras

    from kresnet.api.run import Image


def load_model(trained: Run | AnyPath, *, best: bool = False, spec: Reference | Network | None = None) -> keras.Model:
    """Load a network as a Keras model, float32, once it is verified that the file holds the network of its spec.

    Args:
        trained: a finished run, its directory, a `.keras` file in it; what `kresnet build` wrote; or a `.keras` file.
        best: take the network of the run's best epoch rather than that of the last.
        spec: of a `.keras` file outside a run; by default FILE.yaml beside it.

    Raises:
        KresnetError: `run_missing`, `file_missing`, `model_unreadable`; `weights_mismatch` for another network's file.
    """
    from kresnet.runtime import import_tensorflow

    origin = open_trained(trained, spec, None, best)
    import_tensorflow()
    from kresnet.weights.convert import load_model as load_verified

    return load_verified(origin.model, origin.plan)


def predict(
    trained: Run | AnyPath,
    images: Image | Iterable[Image],
    *,
    best: bool = False,
    spec: Reference | Network | None = None,
    classes: AnyPath | Sequence[str] | None = None,
) -> list[dict[str, Any]]:
    """Classify images with a network on disk, each brought to the network's size as evaluation does.

    Args:
        trained: as for `kresnet.load_model`, or an export, `MODELS_DIR/NAME` or a version in it, which answers as a
            server would.
        images: as for `Run.predict`.
        best: as for `kresnet.load_model`.
        spec: as for `kresnet.load_model`.
        classes: class names in order, or a text file of them, one a line; by default the run's, else their numbers.

    Returns:
        As `Run.predict`.

    Raises:
        KresnetError: as `Run.predict`, and what `kresnet.load_model` raises.
    """
    several = as_image_list(images)
    if not several:
        raise _no_images_error(trained)
    predictor = load_predictor(open_network(trained, best=best, spec=spec, classes=classes))
    from kresnet.evaluation.predict import predict as classify

    return classify(predictor, several)


def predict_files(
    trained: Run | AnyPath,
    images: AnyPath | Iterable[AnyPath],
    *,
    best: bool = False,
    spec: Reference | Network | None = None,
    classes: AnyPath | Sequence[str] | None = None,
) -> Iterator[dict[str, Any]]:
    """Classify image files one after the other, however many there are: only a few batches are in memory at a time.

    Args:
        trained: as for `kresnet.predict`.
        images: image files; folders, whose image files and those of the folders in them are taken; patterns such as
            `scans/**/*.png`; text files (`.txt`, `.lst`, `.list`) with a path a line; `-` for such lines on standard
            input. One or many.
        best: as for `kresnet.load_model`.
        spec: as for `kresnet.load_model`.
        classes: as for `kresnet.predict`.

    Returns:
        An iterator of what `Run.predict` returns for each image, in order; of a file that cannot be read it is
        `image` and `error`.

    Raises:
        KresnetError: as `kresnet.predict`, but for files that cannot be read; `file_missing` for lists and patterns,
            `data_empty` for folders, without images.
    """
    paths = _find_images(trained, images)
    predictor = load_predictor(open_network(trained, best=best, spec=spec, classes=classes))
    from kresnet.evaluation.predict import predict_files as classify

    return (answer for batch in classify(predictor, paths) for answer in batch.as_dicts())


def predict_to_file(
    trained: Run | AnyPath,
    images: AnyPath | Iterable[AnyPath],
    output: AnyPath,
    *,
    best: bool = False,
    spec: Reference | Network | None = None,
    classes: AnyPath | Sequence[str] | None = None,
    progress: bool = True,
) -> PredictionSummary:
    """Classify image files, and write a row for each to a file, which takes its name when it is whole.

    Args:
        trained: as for `kresnet.predict`.
        images: as for `kresnet.predict_files`.
        output: the file to write; it ends in `.csv`, `.jsonl` or `.parquet`.
        best: as for `kresnet.load_model`.
        spec: as for `kresnet.load_model`.
        classes: as for `kresnet.predict`.
        progress: tell on standard error how far it is.

    Returns:
        How many images there were, how many of them could not be read, and how long it took.

    Raises:
        KresnetError: as `kresnet.predict_files`; `bad_option` for a file of another ending, `output_exists`,
            `disk_full`, `not_writable`. Then no file is left.
    """
    from kresnet.evaluation.prediction_files import require_prediction_file, write_prediction_file

    path = Path(output)
    require_prediction_file(path)
    paths = _find_images(trained, images)
    predictor = load_predictor(open_network(trained, best=best, spec=spec, classes=classes))
    from kresnet.evaluation.predict import predict_files as classify

    display = CountProgress("images") if progress else None
    began, count, unreadable = time.perf_counter(), 0, 0
    for batch in write_prediction_file(path, classify(predictor, paths), predictor.class_names):
        count, unreadable = count + len(batch.paths), unreadable + len(batch.problems)
        if display:
            display.show(count)
    if display:
        display.end()
    return PredictionSummary(path, count, unreadable, time.perf_counter() - began)


@dataclass(frozen=True, slots=True)
class PredictionSummary:
    """What `kresnet.predict_to_file` did.

    Attributes:
        path: the file.
        images: number of its rows.
        unreadable: number of rows that tell an error.
        seconds: time from the first file to the last row; loading the network is not in it.
    """

    path: Path
    images: int
    unreadable: int
    seconds: float

    def as_dict(self) -> dict[str, Any]:
        """Return the summary as JSON-ready values."""
        return {
            "output": str(self.path),
            "images": self.images,
            "unreadable": self.unreadable,
            "seconds": self.seconds,
            "images_per_second": self.images / self.seconds,
        }


def _find_images(trained: Run | AnyPath, images: AnyPath | Iterable[AnyPath]) -> Iterator[str]:
    from kresnet.data.image_paths import find_images

    named = [images] if isinstance(images, str | os.PathLike) else list(images)
    if not named:
        raise _no_images_error(trained)
    return find_images(named)


def _no_images_error(trained: Run | AnyPath) -> KresnetError:
    remedy = f"kresnet predict {shell_word(Path(trained))} IMAGE..."
    return make_error("bad_option", "Name the images to classify.", remedy=remedy)


__all__ = [
    "PredictionSummary",
    "load_model",
    "predict",
    "predict_files",
    "predict_to_file",
]
