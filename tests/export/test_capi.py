"""The C++ runtime through ctypes: values go in and come out whole, and errors keep their code."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from kresnet.export.capi import RuntimeFailure, SavedModelSession, registered_ops, runtime_version


class _Echo(tf.Module):
    @tf.function(input_signature=[tf.TensorSpec(None, kind, str(index)) for index, kind in enumerate((
        tf.float32, tf.float64, tf.int32, tf.int64, tf.uint8, tf.bool, tf.string
    ))])  # fmt: skip
    def __call__(self, *values: tf.Tensor) -> dict[str, tf.Tensor]:
        return {f"echo_{index}": tf.identity(value) for index, value in enumerate(values)}

    @tf.function(input_signature=[tf.TensorSpec(None, tf.float32, "x")])
    def half(self, x: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"half": tf.cast(x, tf.float16)}


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SavedModelSession]:
    path, module = tmp_path_factory.mktemp("echo"), _Echo()
    tf.saved_model.save(module, str(path), {"echo": module.__call__, "half": module.half})
    session = SavedModelSession(path)
    yield session
    session.close()


@pytest.mark.parametrize("shape", [(), (0,), (3,), (2, 3, 1)])
def test_every_type_and_shape_comes_back(session: SavedModelSession, shape: tuple[int, ...]) -> None:
    kinds = (np.float32, np.float64, np.int32, np.int64, np.uint8, np.bool_)
    arrays = [np.arange(np.prod(shape, dtype=int)).reshape(shape).astype(kind) for kind in kinds]
    texts = [b"", b"short", b"long enough to be stored elsewhere \x00\xff" * 50, "Größe".encode(), b"\n", b"x"]
    arrays.append(np.array(texts[: int(np.prod(shape))], object).reshape(shape))
    answer = session.run("echo", {str(index): array for index, array in enumerate(arrays)})
    for index, array in enumerate(arrays):
        assert answer[f"echo_{index}"].dtype == array.dtype
        np.testing.assert_array_equal(answer[f"echo_{index}"], array)


def test_transposed_arrays_are_copied_in_their_order(session: SavedModelSession) -> None:
    array = np.arange(6, dtype=np.float32).reshape(2, 3).T
    others = {"1": np.float64, "2": np.int32, "3": np.int64, "4": np.uint8, "5": np.bool_}
    inputs = {"0": array, "6": np.array([b"x"], object)} | {key: np.zeros(1, kind) for key, kind in others.items()}
    np.testing.assert_array_equal(session.run("echo", inputs)["echo_0"], array)


def test_what_a_signature_does_not_take_is_invalid(session: SavedModelSession) -> None:
    for inputs in ({}, {"x": np.zeros(1, np.int64)}):
        with pytest.raises(RuntimeFailure) as caught:
            session.run("half", inputs)
        assert caught.value.code == "INVALID_ARGUMENT"
        assert caught.value.message


def test_a_type_without_a_json_form_is_refused(session: SavedModelSession) -> None:
    with pytest.raises(RuntimeFailure, match="DT_HALF"):
        session.run("half", {"x": np.zeros(1, np.float32)})


def test_what_is_no_saved_model_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(RuntimeFailure) as caught:
        SavedModelSession(tmp_path)
    assert caught.value.code == "NOT_FOUND"


def test_the_runtime_is_the_wheels() -> None:
    assert runtime_version() == tf.__version__
    assert {"Conv2D", "PyFunc", "AssignVariableOp"} <= {definition.name for definition in registered_ops().op}
