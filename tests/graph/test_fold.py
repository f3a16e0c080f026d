"""A folded network answers as the trained one: whole, layer by layer, and for random networks."""

import keras
import numpy as np
import pytest
from hypothesis import given

from kresnet.data.embedded import read_embedded
from kresnet.errors import KresnetError
from kresnet.graph import build_model
from kresnet.graph.fold import fold_batch_norms
from kresnet.plan.folding import fold_plan
from tests.graph.random_weights import randomize
from tests.plan.networks import plan
from tests.strategies import examples, specs

IMAGE = {"shape": [28, 28, 1]}


def largest_difference(one, other):
    """Of two answers, over the largest magnitude of the first."""
    pairs = [(one[name], other[name]) for name in one] if isinstance(one, dict) else [(one, other)]
    return max(float(np.abs(a - b).max() / max(1e-6, np.abs(a).max())) for a, b in pairs)


@pytest.mark.parametrize("kind", ["basic", "bottleneck"])
@pytest.mark.parametrize("order", ["post_activation", "norm_after_add", "full_preactivation"])
def test_the_answers_are_the_trained_networks(kind, order):
    original = plan(input=IMAGE, block={"kind": kind, "order": order}, convolution={"padding": "symmetric"})
    model = randomize(build_model(original))
    before = model.get_weights()
    folded = fold_batch_norms(model, original)
    images = read_embedded()["test_images"][:16].astype("float32")
    assert largest_difference(model(images).numpy(), folded.model(images).numpy()) < 1e-5
    assert folded.folded_norms + len(folded.remaining_norms) == sum(
        record.kind == "norm" for record in original.records
    )
    assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))


@pytest.mark.parametrize("norm", ["batch", "layer"])
def test_standardised_kernels_are_folded_too(norm):
    original = plan(input=IMAGE, convolution={"weight_standardization": {}}, norm={"kind": norm})
    model = randomize(build_model(original))
    folded = fold_batch_norms(model, original)
    assert {type(layer).__name__ for layer in folded.model.layers} >= {"Conv2D"}
    assert "StandardizedConv2D" not in {type(layer).__name__ for layer in folded.model.layers}
    images = read_embedded()["test_images"][:4].astype("float32")
    assert largest_difference(model(images).numpy(), folded.model(images).numpy()) < 1e-5


def test_each_layer_gives_what_the_norm_behind_it_gave():
    original = plan(input=IMAGE, convolution={"bias": "always"})
    model = randomize(build_model(original))
    folded = fold_batch_norms(model, original).model
    norms = fold_plan(original).norm_by_layer
    assert len(norms) == 10
    images = read_embedded()["test_images"][:4].astype("float32")
    ours = keras.Model(folded.input, {name: folded.get_layer(name).output for name in norms})(images)
    theirs = keras.Model(model.input, {name: model.get_layer(norm.name).output for name, norm in norms.items()})(images)
    for name in norms:
        assert largest_difference(theirs[name].numpy(), ours[name].numpy()) < 1e-5, name


@examples(4, shrink=False)
@given(specs(most_stages=2, most_blocks=2))
def test_random_networks_fold(found):
    spec, original = found
    keras.backend.clear_session()
    model = randomize(build_model(original))
    x = np.random.default_rng(0).uniform(0, 255 if spec.input.is_image else 1, (3, *original.input_shape))
    x = x.astype("float32")
    answer = model(x, training=False)
    folded = fold_batch_norms(model, original).model(x, training=False)
    assert largest_difference(answer, folded) < 1e-4


def test_another_network_is_refused():
    with pytest.raises(KresnetError, match="graph_mismatch"):
        fold_batch_norms(build_model(plan()), plan(stages=[{"blocks": 1, "width": 8}]))
