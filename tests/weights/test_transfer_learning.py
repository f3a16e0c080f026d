"""Starting from another's weights beats starting from random ones where images are few."""

import pytest

from tests.weights.few_images_training import WAYS, accuracy, prepare


@pytest.mark.slow
def test_weights_of_cifar_10_help_on_two_hundred_images_of_clothes(trained, tmp_path):
    prepare(tmp_path, learning_rate=0.05)
    scores = {way: [accuracy(tmp_path, way, seed) for seed in (0, 1)] for way in WAYS}
    assert min(scores["--init"]) > max(scores["from scratch"]), scores
    assert min(scores["--init, --freeze stem,stage1"]) > max(scores["from scratch"]), scores
