"""Real inputs to compare an export on, from the best source at hand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from kresnet.errors import make_error
from kresnet.export.reference_outputs import MAX_ROWS, RANDOM_SOURCE
from kresnet.export.signature_contract import takes_encoded_images
from kresnet.runs.trained_data import require_data_overrides_apply
from kresnet.spec.architecture import Spec
from kresnet.spec.overrides import Overrides

if TYPE_CHECKING:
    from kresnet.runs.trained_model import TrainedModel


@dataclass(frozen=True, slots=True)
class SampleInputs:
    """Inputs to compare an export on; random ones by default.

    Attributes:
        images: the inputs, as `kresnet.export.reference_outputs.reference_inputs` takes them; `None` for random ones.
        source: where they come from, in words.
        differences: what tells them from the data that the network was trained on, in sentences.
    """

    images: list[np.ndarray] | np.ndarray | None = None
    source: str = RANDOM_SOURCE
    differences: tuple[str, ...] = ()


def sample_inputs(origin: TrainedModel, folder: Path | None = None, overrides: Overrides = ()) -> SampleInputs:
    """Return inputs for the network of `origin`.

    The inputs are the images in `folder`; or the run's test images; or, for a network that comes without its data, the
    images that kresnet ships, which are real ones if not of its kind; or random numbers where it takes no images.

    Args:
        origin: the network.
        folder: images to take; by default those of the run.
        overrides: settings of `recipe.data`, where the data of the run lie elsewhere now.

    Raises:
        KresnetError: `bad_option`, `data_empty`, `image_unreadable`, or what opening the run's data raises.
    """
    require_data_overrides_apply(origin, overrides, folder is not None)
    if folder:
        return SampleInputs(read_images(folder, origin.spec), f"images of {folder}")
    if origin.run:
        from kresnet.evaluation.evaluate import first_test_images

        images, _, differences = first_test_images(origin.run, MAX_ROWS, overrides)
        return SampleInputs(images, "the run's test images", differences)
    if takes_encoded_images(origin.spec):
        from kresnet.data.embedded import read_embedded

        return SampleInputs(read_embedded()["test_images"][:MAX_ROWS], "Fashion-MNIST images")
    return SampleInputs()


def read_images(
    folder: Path, spec: Spec, most: int = MAX_ROWS, decode: Callable[[bytes], np.ndarray] | None = None
) -> list[np.ndarray]:
    """Read the first images of a folder and of the folders in it.

    Args:
        folder: the folder.
        spec: the network that they are for.
        most: how many at most.
        decode: makes an array of a file; by default the whole picture, of its own size.

    Raises:
        KresnetError: `bad_option` for a network that takes no image files; `data_missing`, `data_empty`,
            `image_unreadable`.
    """
    import tensorflow as tf

    from kresnet.data.unreadable_images import explain_unreadable
    from kresnet.errors import KresnetError

    if not takes_encoded_images(spec):
        raise make_error("bad_option", f"{spec.name} takes no image files.", remedy="leave --images out")
    if not folder.is_dir():
        raise make_error(
            "data_missing", f"There is no directory {folder}.", remedy="name a folder of image files with --images"
        )
    read = decode or (lambda encoded: tf.io.decode_image(encoded, channels=3, expand_animations=False).numpy())
    images: list[np.ndarray] = []
    for path in sorted(one for one in folder.rglob("*") if one.is_file() and not one.name.startswith(".")):
        if len(images) == most:
            break
        encoded = path.read_bytes()
        try:
            images.append(read(encoded))
        except tf.errors.OpError:
            raise KresnetError(explain_unreadable(str(path), encoded)) from None
    if not images:
        raise make_error(
            "data_empty", f"{folder} holds no image files.", remedy="name a folder of image files with --images"
        )
    return images


__all__ = ["SampleInputs", "read_images", "sample_inputs"]
