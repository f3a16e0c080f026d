"""The fixed image, and outputs that are told from others beyond rounding."""

from __future__ import annotations

import numpy as np
import pytest

from kresnet.errors import KresnetError
from kresnet.weights.output_digest import digest_outputs, fixed_image, require_same_outputs


def test_the_image_is_fixed_and_uses_all_bytes():
    image = fixed_image((32, 32, 3))
    assert image.shape == (1, 32, 32, 3)
    assert image.dtype == np.float32
    # floor(2654435761 n / 2^24) mod 256, in Python's own integers
    assert image.ravel()[:5].tolist() == [(2654435761 * n % 2**32) >> 24 for n in range(1, 6)]
    assert len(np.unique(image)) == 256


def test_outputs_are_told_from_others_beyond_rounding(honest, plan):
    from kresnet.weights.convert import load_model

    model = load_model(honest, plan)
    recorded = digest_outputs(model, plan)
    assert "bit for bit" in require_same_outputs(digest_outputs(model, plan), recorded, "net")
    kernel = model.get_layer("head.logits").weights[0]
    kernel.assign(kernel * (1 + 1e-5))
    assert "differ" in require_same_outputs(digest_outputs(model, plan), recorded, "net")
    kernel.assign(kernel * 1.1)
    with pytest.raises(KresnetError, match="does not compute what it did"):
        require_same_outputs(digest_outputs(model, plan), recorded, "net")
