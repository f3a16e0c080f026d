"""Each trap of exporting from Keras 3 (shared/tf-serving.md), put back and refused by the proof."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from kresnet.errors import KresnetError
from kresnet.export import saved_model, signature_functions
from kresnet.export.graph_scan import read_meta_graph
from kresnet.export.saved_model import ExportOptions, ExportResult, export_model
from kresnet.spec.loading import load_spec
from tests.export.networks import CLASS_NAMES, INPUT, network, spec_of

Answer = Callable[[tf.Tensor], dict[str, tf.Tensor]]


@pytest.fixture
def refused(model: keras.Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """Export with a signature answered by another function; returns what the proof said against it.

    The process that proves it runs oneDNN's kernels whatever the processor: they are what aborts on a wrong rank, and
    what refuses an empty batch.
    """
    monkeypatch.setenv("TF_ENABLE_ONEDNN_OPTS", "1")

    def export(function: Callable[[tf.Tensor, Answer], object], name: str = "serving_default", dtype: str = "") -> str:
        original = signature_functions.make_signature_functions

        def planted(*arguments: Any) -> dict[str, signature_functions.SignatureFunction]:
            served = original(*arguments)
            right = served[name]
            taken = tf.TensorSpec(right.input.shape, dtype or right.input.dtype, right.input.name)
            return served | {
                name: signature_functions.SignatureFunction(lambda values: function(values, right.function), taken)
            }

        monkeypatch.setattr(saved_model, "make_signature_functions", planted)
        with pytest.raises(KresnetError) as caught:
            export_model(model, spec_of(), CLASS_NAMES, tmp_path, ExportOptions(signatures=(name,), fold="no"))
        assert caught.value.status == 1
        assert list(tmp_path.iterdir()) == [], "nothing may be left for a server to load"
        return str(caught.value)

    return export


def _answer(logits: tf.Tensor) -> dict[str, tf.Tensor]:
    class_id = tf.argmax(logits, -1)
    label = tf.gather(tf.constant(CLASS_NAMES), class_id)
    return {"logits": logits, "probabilities": tf.nn.softmax(logits), "class_id": class_id, "label": label}


def test_trap_training_mode_is_refused(refused: Callable[..., str], model: keras.Model) -> None:
    def endpoint(image: tf.Tensor, _right: Answer) -> object:
        return _answer(model(tf.ensure_shape(image, (None, 12, 10, 3)), training=True))

    told = refused(endpoint)
    assert "draws random numbers" in told
    assert "changes the model's state" in told
    assert "differs from the golden one" in told


def test_trap_output_0_is_refused(refused: Callable[..., str]) -> None:
    assert "output_0" in refused(lambda image, right: right(image)["logits"])


def test_trap_a_wrong_rank_that_ends_the_process_is_refused(refused: Callable[..., str], model: keras.Model) -> None:
    told = refused(lambda image, right: _answer(model(image, training=False)))
    assert "[not_servable]" in told
    assert "SIGABRT" in told
    assert "while trying serving_default: no batch dimension: Check failed" in told


def test_trap_a_wrong_height_that_is_answered_is_refused(refused: Callable[..., str]) -> None:
    free = network(spec_of(input={**INPUT, "any_size": True}))  # which global pooling makes answer to any

    def endpoint(image: tf.Tensor, _right: Answer) -> object:
        return _answer(free(tf.ensure_shape(image, (None, None, None, 3)), training=False))

    assert "answers OK to height too large" in refused(endpoint)


def test_trap_an_empty_batch_that_is_answered_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """OneDNN's convolutions refuse one, for a reason that misleads; a network without any answers it with nothing."""
    monkeypatch.setattr(signature_functions, "_require_shape", tf.ensure_shape)
    spec = load_spec("residual_mlp").value
    with pytest.raises(KresnetError, match="serving_default answers OK to an empty batch"):
        export_model(network(spec), spec, (), tmp_path)


def test_trap_bytes_for_floats_are_refused(refused: Callable[..., str]) -> None:
    """JSON's 1.0 is no uint8, and 300 becomes 44 on the way: pixels are float32."""
    told = refused(lambda image, right: right(tf.cast(image, tf.float32)), dtype="uint8")
    assert "image: uint8" in told
    assert "image: float32 (?, 12, 10, 3) were declared" in told


def test_trap_files_of_mixed_sizes_that_share_no_batch_are_refused(
    refused: Callable[..., str], model: keras.Model
) -> None:
    def endpoint(files: tf.Tensor, _right: Answer) -> object:
        sized = tf.TensorSpec((None, None, 3), tf.uint8)
        images = tf.map_fn(lambda one: tf.io.decode_image(one, 3, expand_animations=False), files, sized)
        images = tf.image.resize(tf.cast(tf.ensure_shape(images, (None, None, None, 3)), tf.float32), (12, 10))
        return _answer(model(images, training=False))

    told = refused(endpoint, "image_bytes")
    assert "(outputs)" in told


def test_trap_animated_webp_that_ends_the_process_is_refused(refused: Callable[..., str], model: keras.Model) -> None:
    """Decoding to as many channels as there are, TensorFlow 2.21 overruns its buffer."""

    def sized(file: tf.Tensor) -> tf.Tensor:
        webp = tf.strings.substr(tf.strings.join([file, bytes(12)]), 8, 4) == b"WEBP"
        return tf.cond(webp, lambda: tf.size(tf.io.decode_image(file, 0, expand_animations=False)), lambda: 0)

    def endpoint(files: tf.Tensor, right: Answer) -> object:
        with tf.control_dependencies([tf.map_fn(sized, files, tf.int32)]):
            return right(tf.identity(files))

    assert "an animated WebP" in refused(endpoint, "image_bytes")


def test_trap_a_first_signature_of_another_name_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, model: keras.Model
) -> None:
    """Keras then writes it a second time, as `serving_default`."""
    write = saved_model.write_saved_model
    monkeypatch.setattr(
        saved_model,
        "write_saved_model",
        lambda directory, served, methods: write(directory, {"predict": served["serving_default"]}, methods),
    )
    with pytest.raises(KresnetError, match=r"\(signatures\): signatures \['predict', 'serving_default'\], where"):
        export_model(model, spec_of(), CLASS_NAMES, tmp_path, ExportOptions(signatures=()))


def test_trap_batch_norms_left_as_arithmetic_are_gone(exported: ExportResult) -> None:
    graph = read_meta_graph(exported.path).graph_def
    kinds = {node.op for nodes in (graph.node, *(one.node_def for one in graph.library.function)) for node in nodes}
    assert not kinds & {"FusedBatchNormV3", "Rsqrt"}
    assert [change["what"] for change in exported.report.changes] == [
        "folded 3 batch norms into the weights before them"
    ]


def test_trap_weights_stored_twice_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, model: keras.Model
) -> None:
    def write(directory: Path, served: dict[str, signature_functions.SignatureFunction], _signatures: object) -> None:
        archive = keras.export.ExportArchive()
        archive.track(model)
        for name, endpoint in served.items():
            archive.add_endpoint(name, endpoint.function, [endpoint.input])
        archive.write_out(str(directory), verbose=False)

    monkeypatch.setattr(saved_model, "write_saved_model", write)
    with pytest.raises(KresnetError, match=r"\(weights\): the graph has variables of"):
        export_model(model, spec_of(), CLASS_NAMES, tmp_path, ExportOptions(signatures=()))


def test_python_randomness_and_state_in_the_graph_are_refused(refused: Callable[..., str]) -> None:
    count = tf.Variable(0.0, name="count")

    def endpoint(image: tf.Tensor, right: Answer) -> object:
        same = tf.ensure_shape(tf.numpy_function(lambda values: values, [image], tf.float32), image.shape)
        noise = tf.random.normal(tf.shape(image)) + count.assign_add(1.0)
        return right(same + 0 * noise)

    told = refused(endpoint)
    for fault in ("calls Python", "RandomStandardNormal", "AssignAddVariableOp", "changes the model's state"):
        assert fault in told


def test_rows_that_depend_on_their_batch_are_refused(refused: Callable[..., str]) -> None:
    told = refused(lambda image, right: right(image - tf.reduce_mean(image, 0, keepdims=True)))
    assert "(outputs)" in told
    assert "(rows): logits of serving_default, row 0 among others, differs" in told
    assert "(image files)" not in told


def test_other_answers_than_the_networks_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make = saved_model.reference_outputs
    shifted = np.array([0, 1e-3, 0], np.float32)

    def make_shifted(found: dict[str, np.ndarray], *others: object) -> dict[str, np.ndarray]:
        return make(found | {"logits": found["logits"] + shifted}, *others)

    monkeypatch.setattr(saved_model, "reference_outputs", make_shifted)
    with pytest.raises(KresnetError) as caught:
        export_model(network(), spec_of(), CLASS_NAMES, tmp_path, ExportOptions(signatures=()))
    assert {problem.code for problem in caught.value.problems} == {"export_mismatch"}


def test_an_output_that_json_cannot_carry_is_refused(refused: Callable[..., str]) -> None:
    def endpoint(image: tf.Tensor, right: Answer) -> object:
        answer = right(image)
        return answer | {"logits": tf.cast(answer["logits"], tf.bfloat16)}

    assert "logits of serving_default: is of type DT_BFLOAT16, which JSON cannot carry" in refused(endpoint)
