"""What a trained network sees in images."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from kresnet.api.network import Network
from kresnet.api.run import Run, as_image_list
from kresnet.api.stored_networks import open_trained
from kresnet.errors import make_error, shell_word
from kresnet.files import AnyPath
from kresnet.runs.trained_data import require_data_overrides_apply
from kresnet.spec.loading import Reference
from kresnet.spec.overrides import Overrides
from kresnet.terminal import log

if TYPE_CHECKING:
    from kresnet.api.run import Image
    from kresnet.diagnostics.explain import Explanation

#: How many test images of a run are explained where no images are named.
TEST_IMAGES = 4


def explain(
    trained: Run | AnyPath,
    images: Image | Iterable[Image] | None = None,
    *,
    stages: Sequence[int] = (),
    looked_for: Sequence[str] = (),
    channels: int = 4,
    best: bool = False,
    spec: Reference | Network | None = None,
    classes: AnyPath | Sequence[str] | None = None,
    overrides: Overrides = (),
) -> Explanation:
    """Draw where a network sees a class in images (Grad-CAM), its strongest feature maps, and its first filters.

    Args:
        trained: a finished run, its directory, or a `.keras` file.
        images: as for `Run.predict`; of a run by default its first test images, four of them.
        stages: whose maps Grad-CAM reads, counted from 1; by default the last.
        looked_for: names or numbers of classes to look for; by default each image's likeliest.
        channels: feature maps to keep of each stage.
        best: explain the network of the run's best epoch rather than that of the last.
        spec: of a `.keras` file outside a run; by default FILE.yaml beside it.
        classes: class names in order, or a text file of them, one a line; by default the run's.
        overrides: settings of `recipe.data`, where the test images of the run lie elsewhere now.

    Returns:
        The maps as arrays; `as_dict()` has the numbers, `save(DIR)` writes them with the figures.

    Raises:
        KresnetError: `contradiction` for a network that is no classifier of images; `bad_option` for a stage or class
            that it has not, or no images; `file_missing`, `image_unreadable`, `data_mismatch`, `run_missing`,
            `weights_mismatch`.
    """
    from kresnet.runtime import import_tensorflow

    origin, several = open_trained(trained, spec, classes, best), [] if images is None else as_image_list(images)
    require_data_overrides_apply(origin, overrides, images is not None)
    if not several and (images is not None or origin.run is None):
        remedy = f"kresnet explain {shell_word(Path(trained))} IMAGE..."
        raise make_error("bad_option", "Name the images to explain.", remedy=remedy)
    import_tensorflow()
    from kresnet.diagnostics import explain as analysis

    names = None
    if origin.run and images is None:
        from kresnet.evaluation.evaluate import first_test_images

        pixels, names, differences = first_test_images(origin.run, TEST_IMAGES, overrides)
        several = list(pixels)
        for difference in differences:
            log(difference)
    return analysis.explain(origin, several, stages=stages, classes=looked_for, channels=channels, names=names)


__all__ = ["explain"]
