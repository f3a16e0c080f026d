"""The engine's calls of several steps."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from tensorflow.python.framework.config import disable_op_determinism

from kresnet.graph import build_model
from kresnet.graph.fake_quantization import FakeQuantization
from kresnet.plan import make_plan
from kresnet.spec.architecture import Spec
from kresnet.spec.recipe import Sgd
from kresnet.training.step.engine import Engine
from kresnet.training.step.optimizers import make_optimizer
from kresnet.training.step.trainer import Trainer
from tests.training.step.gpu_memory import copies_to_host, refused_if_deterministic, without_gpu_kernel

RNG = np.random.default_rng(0)

#: What says which GPUs there are, and what a test lets it say.
FAKE_GPU = "kresnet.training.step.engine.tf.config.list_logical_devices"
POOLED = {
    "name": "pooled",
    "input": {"shape": [6, 6, 1]},
    "stem": {"kind": "conv", "width": 2, "kernel": 3, "stride": 1, "pool": {"kind": "max", "size": 3, "stride": 2}},
    "block": {"kind": "basic", "dropout": 0.5},
    "stages": [{"blocks": 1, "width": 2}, {"blocks": 1, "width": 4, "stride": 2}],
    "head": {"classes": 4},
    "stochastic_depth": 0.5,
}
CPU = tf.config.list_logical_devices("CPU")[:1]


IMAGES = RNG.integers(0, 256, (8, 6, 6, 1)).astype(np.uint8)


LABELS = RNG.integers(0, 4, 8).astype(np.int32)


def small_network(seed: int = 0) -> keras.Model:
    keras.utils.set_random_seed(seed)
    inputs = keras.Input((6, 6, 1))
    x = keras.layers.Rescaling(1 / 255)(inputs)
    x = keras.layers.Conv2D(3, 3, name="conv")(x)
    return keras.Model(inputs, keras.layers.Dense(4, name="logits")(keras.layers.Flatten()(x)), name="small")


def trainer(network: keras.Model | None = None, **settings) -> Trainer:
    made = Trainer(network or small_network(), **settings)
    sgd = Sgd(kind="sgd", momentum=0.0, weight_decay=0.0)
    made.updates = make_optimizer(sgd, lambda step: tf.constant(1.0), made.network.trainable_variables)
    return made


def test_an_engine_stops_before_the_first_step_that_is_not_finite_and_counts_those_before():
    images = np.repeat(IMAGES[None].astype(np.float32), 5, 0)
    images[3, 0, 0, 0, 0] = np.nan
    batches = tf.data.Dataset.from_tensor_slices((images, np.repeat(LABELS[None], 5, 0)))
    poisoned, sound = (Engine(trainer(), tf.distribute.get_strategy()) for _ in range(2))
    poisoned.train(iter(batches), 5)
    sound.train(iter(batches), 3)
    assert poisoned.steps_taken() == 3
    assert sound.steps_taken() == 3
    assert poisoned.metrics() == sound.metrics()
    for one, other in zip(poisoned.state().values(), sound.state().values(), strict=True):
        np.testing.assert_array_equal(one, other)
    assert poisoned.steps_taken() == 0


def operations(function):
    """Return all operations of a traced function, those of the functions that it calls too."""
    graph = function.graph.as_graph_def()
    return [*graph.node, *(node for called in graph.library.function for node in called.node_def)]


def test_several_steps_are_one_loop_that_calls_no_python_and_counts_in_the_type_that_stays_on_the_host():
    engine = Engine(trainer(), tf.distribute.get_strategy())
    batches = engine.distribute(tf.data.Dataset.from_tensors((IMAGES, LABELS)).repeat())
    traced = engine.train.get_concrete_function(batches, tf.constant(3))
    found = operations(traced)
    loops = [node for node in found if node.op in ("While", "StatelessWhile")]
    assert len(loops) == 1
    assert sum(node.op == "IteratorGetNext" for node in found) == 1
    on_host = {"PyFunc", "PyFuncStateless", "EagerPyFunc", "Timestamp", "Print", "PrintV2", "Assert", "CheckNumerics"}
    assert not on_host & {node.op for node in found}
    condition = traced.graph.as_graph_def().library.function
    condition = next(each for each in condition if each.signature.name == loops[0].attr["cond"].func.name)
    compared = {node.attr["T"].type for node in condition.node_def if node.op in ("Less", "LogicalAnd")} - {0}
    assert compared == {tf.int32.as_datatype_enum}


@pytest.mark.parametrize("xla", [True, False])
def test_on_a_gpu_the_host_asks_a_step_only_whether_it_was_finite_and_with_xla_for_nothing(xla, monkeypatch):
    """By TensorFlow's own list of kernels; the CPU stands for the GPU that batches are copied to."""
    monkeypatch.setattr(FAKE_GPU, lambda kind: CPU)
    engine = Engine(trainer(xla=xla), tf.distribute.get_strategy())
    batches = engine.distribute(tf.data.Dataset.from_tensors((IMAGES, LABELS)).repeat())
    train = engine.train.get_concrete_function(batches, tf.constant(3))
    assert without_gpu_kernel(train) == set()
    assert copies_to_host(train)[1] == ({} if xla else {("LogicalAnd", "If", "bool"): 1})


def test_on_a_gpu_the_host_asks_an_evaluation_for_nothing():
    engine = Engine(trainer(), tf.distribute.get_strategy())
    test = engine._test.get_concrete_function((IMAGES, LABELS, np.ones(len(LABELS), np.float32)))
    assert without_gpu_kernel(test) == set()
    assert copies_to_host(test) == ({}, {})


@pytest.mark.parametrize("xla", [True, False])
def test_a_deterministic_step_is_made_of_what_a_gpu_runs_so(xla, monkeypatch):
    """With a pool, a frozen norm, dropout and a dropped branch; the CPU stands for the GPU."""
    monkeypatch.setattr(FAKE_GPU, lambda kind: CPU)
    tf.config.experimental.enable_op_determinism()
    try:
        network = build_model(make_plan(Spec.model_validate(POOLED)), seed=1)
        network.get_layer("stem.norm").trainable = False
        engine = Engine(trainer(network, xla=xla), tf.distribute.get_strategy())
        batches = engine.distribute(tf.data.Dataset.from_tensors((IMAGES, LABELS)).repeat())
        train = engine.train.get_concrete_function(batches, tf.constant(3))
    finally:
        disable_op_determinism()
    assert without_gpu_kernel(train) == set()
    assert refused_if_deterministic(train) == set()
    plain = Engine(trainer(network), tf.distribute.get_strategy())
    plain = plain.train.get_concrete_function(batches, tf.constant(3))
    assert refused_if_deterministic(plain) == {"FusedBatchNormGradV3", "SparseSoftmaxCrossEntropyWithLogits"}


def test_an_integer_comparison_is_seen_to_be_the_hosts():
    """TensorFlow compares int32 on the host, wherever the numbers are."""
    compared = tf.function(lambda x: tf.argmax(x, output_type=tf.int32) == tf.argmin(x, output_type=tf.int32))
    found = copies_to_host(compared.get_concrete_function(tf.zeros((3, 4))))
    assert found == ({("ArgMax", "Equal", "int32"): 1, ("ArgMin", "Equal", "int32"): 1}, {})
    missing = without_gpu_kernel(tf.function(tf.strings.length).get_concrete_function(tf.constant("text")))
    assert [name for name, _ in missing] == ["StringLength"]


def test_batches_that_wait_on_a_gpu_are_the_batches(monkeypatch):
    """The CPU stands for the GPU that batches are copied to."""

    def train(device):
        monkeypatch.setattr(FAKE_GPU, lambda kind: device)
        engine = Engine(trainer(), tf.distribute.get_strategy())
        images = np.stack([IMAGES, IMAGES[::-1], IMAGES, IMAGES[::-1]])
        batches = tf.data.Dataset.from_tensor_slices((images, np.stack([LABELS] * 4)))
        taken = engine.distribute(batches)
        engine.train(taken, tf.constant(3))
        crossed, labels = next(taken)
        assert crossed.dtype == np.uint8  # a quarter of float32's bytes
        assert labels.dtype == (np.int64 if device else np.int32)  # int32 would come back for each step
        tested = engine.evaluate(batches, len(LABELS))
        return engine, [*engine.state().values(), engine.metrics(), tested]

    gpu, with_gpu = train(CPU)
    cpu, without = train([])
    assert gpu.buffers_batches
    assert not cpu.buffers_batches
    tf.nest.map_structure(np.testing.assert_array_equal, with_gpu, without)


@pytest.mark.slow  # so do whole runs in tests/training/test_exact_resume.py
def test_rounding_goes_on_from_a_saved_state_bit_for_bit():
    """Steps before rounding begins, in it, and after the state was put into another engine."""
    plan = make_plan(Spec.model_validate(POOLED | {"stages": [{"blocks": 2, "width": 2}]}))
    batches = tf.data.Dataset.from_tensor_slices((np.repeat(IMAGES[None], 6, 0), np.repeat(LABELS[None], 6, 0)))

    def engine() -> Engine:
        network = build_model(plan, seed=1)
        return Engine(
            trainer(network, quantization=FakeQuantization(plan), quantize_from=2), tf.distribute.get_strategy()
        )

    whole, second, steps = engine(), engine(), iter(batches)
    whole.train(steps, tf.constant(4))
    second.restore(whole.state())
    for each, rest in ((whole, steps), (second, iter(batches.skip(4)))):
        each.train(rest, tf.constant(2))
    assert int(whole.trainer.quantization.seen) == 4
    for one, other in zip(whole.state().values(), second.state().values(), strict=True):
        np.testing.assert_array_equal(one, other)
    assert whole.trainer.activation_ranges == second.trainer.activation_ranges
    images = tf.cast(IMAGES, tf.float32)
    rounded = whole.trainer.test_step_keeping((images, LABELS, tf.ones(8)))[1]
    assert 0 < np.abs(rounded - whole.trainer.network(images, training=False)).max() < 1


def test_a_step_that_is_not_finite_leaves_the_ranges_alone():
    plan = make_plan(Spec.model_validate(POOLED))
    made = trainer(build_model(plan), quantization=FakeQuantization(plan))
    made.train_step((tf.cast(IMAGES, tf.float32), LABELS))
    before = made.activation_ranges
    result = made.train_step((tf.cast(IMAGES, tf.float32) * np.nan, LABELS))
    assert not result["finite"]
    assert made.activation_ranges == before
    assert int(made.quantization.seen) == 1
