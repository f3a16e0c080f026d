"""Which inputs an export is compared on."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from kresnet.errors import KresnetError
from kresnet.export.reference_outputs import MAX_ROWS, RANDOM_SOURCE
from kresnet.export.sample_inputs import SampleInputs, sample_inputs
from kresnet.spec.loading import load_spec
from tests.export.networks import spec_of


def trained(spec: Any) -> Any:
    """A trained network that comes without its run."""
    return SimpleNamespace(spec=spec, run=None)


def test_images_of_a_folder_in_the_order_of_their_names(tmp_path: Path) -> None:
    for index, name in enumerate(("b.png", "deep/a.png", "a.png")):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        Image.new("RGB", (3, 2), (index, 0, 0)).save(tmp_path / name)
    (tmp_path / ".hidden").write_text("no image")
    inputs = sample_inputs(trained(spec_of()), tmp_path)
    assert inputs.source == f"images of {tmp_path}"
    assert [int(image[0, 0, 0]) for image in inputs.images] == [2, 0, 1]
    (tmp_path / "c.png").write_text("no image")
    with pytest.raises(KresnetError, match="image_unreadable"):
        sample_inputs(trained(spec_of()), tmp_path)


def test_without_a_folder_images_that_ship_or_random_numbers() -> None:
    shipped = sample_inputs(trained(spec_of()))
    assert (shipped.source, len(shipped.images)) == ("Fashion-MNIST images", MAX_ROWS)
    assert np.unique(shipped.images[0]).size > 10
    assert sample_inputs(trained(load_spec("residual_mlp").value)) == SampleInputs(None, RANDOM_SOURCE)


def test_a_network_of_vectors_takes_no_folder(tmp_path: Path) -> None:
    with pytest.raises(KresnetError, match="takes no image files"):
        sample_inputs(trained(load_spec("residual_mlp").value), tmp_path)
