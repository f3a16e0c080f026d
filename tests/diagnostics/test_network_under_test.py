"""Where the batch of a network under test comes from, and what cannot be opened."""

from __future__ import annotations

import numpy as np
import pytest

from kresnet.data.embedded import read_embedded
from kresnet.diagnostics.network_under_test import open_network_under_test
from kresnet.errors import KresnetError
from tests.probes.small_networks import document


def test_embedded_images_are_brought_to_the_networks_input():
    colour = document(input={"shape": [28, 28, 3], "pixels": {}})
    network = open_network_under_test(colour, batch=4)
    np.testing.assert_array_equal(network.images, np.repeat(read_embedded()["train_images"][:4], 3, axis=-1))
    np.testing.assert_array_equal(network.targets, read_embedded()["train_labels"][:4])
    assert network.provenance[0] == "initial weights"


def test_vectors_are_synthetic_and_the_same_each_time():
    network, again = (open_network_under_test("residual_mlp", batch=3) for _ in range(2))
    assert network.images.shape == (3, 16)
    np.testing.assert_array_equal(network.images, again.images)
    np.testing.assert_array_equal(network.targets, again.targets)
    assert any("synthetic" in text for text in network.provenance)


def test_labels_beyond_the_head_are_refused():
    with pytest.raises(KresnetError, match=r"--set head\.classes=\d+") as caught:
        open_network_under_test(document(head={"classes": 2}), batch=16)
    assert caught.value.problems[0].code == "data_mismatch"
