"""As few layers in float as hold the accuracy, or a refusal with the figures."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from kresnet.errors import KresnetError
from kresnet.export.edge.export_rows import ExportRows
from kresnet.export.edge.float_layers import choose_float_layers
from kresnet.export.edge.layer_noise import LayerNoise
from kresnet.export.edge.quantization import Ranges, quantize
from tests.export.edge.small_files import SmallNetwork

LAYERS = [LayerNoise(f"layer{index}", "CONV_2D", f"tensor{index}", 0.1, 0.1 - index / 100) for index in range(10)]


@pytest.mark.parametrize("needed", [0, 1, 3, 5])
def test_the_fewest_layers_are_found(needed: int, small: SmallNetwork, ranges: Ranges, labelled: ExportRows) -> None:
    """Files that keep fewer layers than are needed answer wrongly: their activations' ranges are far too small."""
    spoiled = quantize(small.float_file, "int8", {name: (low / 50, high / 50) for name, (low, high) in ranges.items()})

    def make(tensors: Sequence[str]) -> bytes:
        return small.float_file if len(tensors) >= needed else spoiled

    told: list[str] = []
    found = choose_float_layers(make, LAYERS, labelled, 1.0, 0.0, tell=told.append)
    assert found.layers == tuple(f"layer{index}" for index in range(needed))
    assert found.tensors == tuple(f"tensor{index}" for index in range(needed))
    assert [each["kept"] for each in found.trials][-1:] or not needed
    assert len(told) == len(found.trials)
    assert all((each["accuracy"] == 1.0) is (each["kept"] >= needed) for each in found.trials)


def test_what_loses_too_much_with_half_in_float_is_refused(small: SmallNetwork, labelled: ExportRows) -> None:
    wrong = ExportRows(labelled.values, "validation images", np.asarray((labelled.targets + 1) % 3))
    with pytest.raises(KresnetError, match=r"gets 100.00% right.*0.00% with 0, .*0.00% with 5.*loses 0.5 points"):
        choose_float_layers(lambda _: small.float_file, LAYERS, wrong, 1.0, 0.005)
