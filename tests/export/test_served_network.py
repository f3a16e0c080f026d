"""What is done to a trained network before it is served is measured, told, and undone where it harms."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from kresnet.errors import KresnetError
from kresnet.export import served_network as served
from kresnet.export.capi import SavedModelSession
from kresnet.export.saved_model import ExportOptions, export_model
from kresnet.export.served_network import ServedNetwork, proof_tolerance, served_network
from kresnet.plan import make_plan
from tests.export.networks import CLASS_NAMES, network, spec_of

PLAN = make_plan(spec_of())
ROWS = np.random.default_rng(0).integers(0, 256, (5, 12, 10, 3), np.uint8)


def test_folding_is_the_default_and_can_be_refused() -> None:
    model = network()
    folded, [change] = served_network(model, PLAN, ROWS)
    whole, nothing = served_network(model, PLAN, ROWS, fold="no")
    assert nothing == []
    assert change.what == "folded 3 batch norms into the weights before them"
    assert 0 < change.largest_difference < 1e-5
    assert change.classes_changed == 0
    channels = 3 * 8
    assert whole.weights_bytes - folded.weights_bytes == 4 * 3 * channels  # four vectors a norm become one bias
    np.testing.assert_allclose(folded.predict(ROWS)["logits"], model(ROWS.astype("float32")), rtol=1e-4, atol=1e-5)


def test_norms_are_left_where_folding_moves_an_output_unless_it_is_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(served, "FOLD_TOLERANCE", 1e-12)
    left, [told] = served_network(network(), PLAN, ROWS)
    assert told.what.startswith("left batch norms as they are")
    assert told.largest_difference > 1e-12
    forced, [change] = served_network(network(), PLAN, ROWS, fold="yes")
    assert change.what.startswith("folded")
    assert forced.weights_bytes < left.weights_bytes


@pytest.mark.parametrize("kind", ["bfloat16", "float16"])
def test_kernels_in_half_the_bytes(kind: str, tmp_path: Path) -> None:
    model = network()
    result = export_model(model, spec_of(), CLASS_NAMES, tmp_path, ExportOptions(signatures=(), weights=kind))  # type: ignore[arg-type]
    _, rounded = result.report.changes
    assert rounded["what"] == f"rounded kernels to {kind}"
    digits = tf.as_dtype(kind).as_numpy_dtype
    by_hand = network(spec_of())
    for weight in by_hand.weights:
        weight.assign(np.asarray(weight).astype(digits).astype(np.float32) if len(weight.shape) > 1 else weight)
    answer = SavedModelSession(result.path).run("serving_default", {"image": ROWS.astype(np.float32)})["logits"]
    # Folding comes first, so the rounding differs, but not by more than the digits of the type.
    np.testing.assert_allclose(answer, by_hand(ROWS.astype("float32")), atol=0.05)
    kernels = sum(4 * int(np.prod(weight.shape)) for weight in model.weights if len(weight.shape) > 1)
    whole, _ = served_network(model, PLAN, ROWS)
    assert result.report.facts["weights_bytes"] == whole.weights_bytes - kernels // 2


def test_weights_beyond_float16_are_refused() -> None:
    model = network()
    model.get_layer("head.logits").kernel.assign(model.get_layer("head.logits").kernel * 1e6)
    with pytest.raises(KresnetError, match="float16 cannot hold"):
        served_network(model, PLAN, ROWS, weights="float16")
    served_network(model, PLAN, ROWS, weights="bfloat16")


def test_a_grouped_network_is_served_though_it_was_built_where_there_is_a_gpu(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Keras has XLA compile grouped convolutions, which a server refuses to run."""
    spec = spec_of(block={"kind": "bottleneck", "expansion": 1, "groups": 4})
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: ["GPU:0"])
    model = network(spec)
    monkeypatch.undo()
    result = export_model(model, spec, CLASS_NAMES, tmp_path, ExportOptions(signatures=()))
    assert result.report.passed
    answer = SavedModelSession(result.path).run("serving_default", {"image": ROWS.astype(np.float32)})["logits"]
    np.testing.assert_allclose(answer, model(ROWS.astype("float32")), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("amplification", "least", "greatest"), [(1e-3, 1e-5, 1e-5), (0.5, 1.1e-5, 9e-5), (1e4, 1e-4, 1e-4)]
)
def test_the_proof_allows_what_a_networks_own_rounding_makes(
    amplification: float, least: float, greatest: float
) -> None:
    def function(inputs: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"output": tf.sin(amplification * tf.reduce_mean(inputs, (1, 2)))}

    sine = ServedNetwork(function, PLAN, 0)
    assert least <= proof_tolerance(sine, ROWS, sine.predict(ROWS)) <= greatest
