"""Passes and updates that XLA compiled against those that TensorFlow runs, and when a run compiles them."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from kresnet.errors import KresnetError
from kresnet.graph import build_model
from kresnet.graph.layers import FusedBatchNorm
from kresnet.plan import Plan, make_plan
from kresnet.spec.architecture import Spec
from kresnet.spec.recipe import Recipe
from kresnet.training.step.averaging import WeightAverage
from kresnet.training.step.clipping import GlobalNormClipping
from kresnet.training.step.engine import Engine
from kresnet.training.step.loss_scale import LossScale
from kresnet.training.step.optimizers import make_optimizer
from kresnet.training.step.trainer import Trainer
from kresnet.training.step.xla import _rectifying_norms, resolve_xla

RNG = np.random.default_rng(0)
BATCH = RNG.integers(0, 256, (8, 8, 8, 1)).astype("uint8"), RNG.integers(0, 3, 8).astype("int32")
#: For what does not depend on how many blocks XLA compiles.
ONE_BLOCK = [{"blocks": 1, "width": 4}]


def plan_of(**settings) -> Plan:
    document = {
        "name": "tiny",
        "input": {"shape": [8, 8, 1]},
        "stem": {"kind": "conv", "width": 4, "kernel": 3, "stride": 1},
        "block": {"kind": "basic"},
        "stages": [{"blocks": 1, "width": 4}, {"blocks": 1, "width": 8, "stride": 2}],
        "head": {"classes": 3},
    }
    return make_plan(Spec.model_validate(document | settings))


def recipe_of(xla: str, **settings) -> Recipe:
    document = {"name": "a", "epochs": 1, "batch_size": 8, "data": {"kind": "embedded"}, "optimizer": {"kind": "sgd"}}
    return Recipe.model_validate(document | {"xla": xla} | settings)


@pytest.mark.parametrize(
    ("precision", "scale", "tolerance"), [("float32", None, 1e-4), ("bfloat16", LossScale(), 0.25)]
)
def test_a_compiled_pass_is_the_pass(precision, scale, tolerance):
    """Loss, gradients and moving statistics; the first block is frozen, whose norms must not move.

    XLA rounds to bfloat16 at other places, and a gradient that has come back through five convolutions shows it.
    """
    plan, found = plan_of(), []
    for xla in (False, True):
        network = build_model(plan, precision=precision, seed=1)
        for layer in network.layers:
            if layer.name.startswith("stage1"):
                layer.trainable = False
        passed = Trainer(network, xla=xla, loss_scale=scale).backward(*map(tf.constant, BATCH))
        state = [weight.numpy() for weight in network.non_trainable_variables]
        found.append([passed.global_loss, passed.outputs, *passed.gradients, *state])
    for plain, compiled in zip(*found, strict=True):
        distance = np.linalg.norm(np.asarray(compiled, "float32") - np.asarray(plain, "float32"))
        assert distance <= tolerance * (np.linalg.norm(np.asarray(plain, "float32")) + 1e-3)


def test_the_random_numbers_of_dropout_go_on_in_a_compiled_pass():
    network = build_model(plan_of(stages=ONE_BLOCK, head={"classes": 3, "dropout": 0.5}), seed=1)
    trainer, batch = Trainer(network, xla=True), [tf.constant(each) for each in BATCH]
    losses = {float(trainer.backward(*batch).loss) for _ in range(3)}
    assert len(losses) == 3


def test_a_compiled_norm_far_from_zero_does_not_cancel():
    """The fused kernel as XLA expands it makes NaN of these values (tensorflow#118701)."""
    layer = FusedBatchNorm(momentum=0.0, epsilon=1e-5)
    layer.fused = False
    x = RNG.normal(100.0, 0.05, (16, 8, 8, 4)).astype("float32")
    layer.build(x.shape)
    y = tf.function(lambda: layer(x, training=True), jit_compile=True)()
    exact = x.astype("float64")
    exact = (exact - exact.mean((0, 1, 2))) / np.sqrt(exact.var((0, 1, 2)) + 1e-5)
    np.testing.assert_allclose(y, exact, atol=5e-3)
    np.testing.assert_allclose(layer.moving_variance, x.astype("float64").var((0, 1, 2)), rtol=1e-3)


@pytest.mark.parametrize("rectifies", [False, True])
@pytest.mark.parametrize("outlier", [0.0, 1000.0], ids=["alike", "first_example_far_away"])
def test_a_compiled_norm_has_the_derivatives_of_the_definition(outlier, rectifies):
    """Statistics are taken about the mean of the first examples, which may be none of the rest's."""
    x = RNG.normal(3.0, 0.5, (32, 4, 4, 3)).astype("float32")
    x[:2] += outlier
    gamma, beta, slopes = (RNG.normal(size=shape).astype("float32") for shape in (3, 3, x.shape))
    layer = FusedBatchNorm(momentum=0.0, epsilon=1e-5)
    layer.fused, layer.rectifies = False, rectifies
    layer.build(x.shape)
    layer.gamma.assign(gamma)
    layer.beta.assign(beta)

    @tf.function(jit_compile=True)
    def derivatives(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = layer(x, training=True)
        return tape.gradient(y, [x, layer.gamma.value, layer.beta.value], tf.constant(slopes))

    exact, scale = x.astype("float64"), 1 / np.sqrt(x.astype("float64").var((0, 1, 2)) + 1e-5)
    xhat = (exact - exact.mean((0, 1, 2))) * scale
    dy = slopes * (gamma * xhat + beta > 0) if rectifies else slopes
    means = dy.astype("float64").mean((0, 1, 2)), (dy * xhat).mean((0, 1, 2))
    expected = gamma * scale * (dy - means[0] - xhat * means[1]), (dy * xhat).sum((0, 1, 2)), dy.sum((0, 1, 2))
    for found, wanted in zip(derivatives(tf.constant(x)), expected, strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=2e-5 * np.abs(wanted).max())


@pytest.mark.parametrize(
    ("xla", "on_gpu", "on_cpu"), [("auto", True, False), ("on", True, True), ("off", False, False)]
)
def test_xla_is_chosen_by_device(monkeypatch, xla, on_gpu, on_cpu):
    for devices, chosen in (([], on_cpu), (["GPU:0"], on_gpu)):
        monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind, found=devices: found)
        assert resolve_xla(recipe_of(xla), plan_of(), 1) is chosen


@pytest.mark.parametrize(("norm", "settings"), [({"synchronized": True}, {}), ({}, {"rematerialize": [1]})])
def test_passes_that_cannot_be_compiled_are_not(monkeypatch, norm, settings):
    plan = plan_of(norm={"kind": "batch"} | norm)
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: ["GPU:0", "GPU:1"])
    assert not resolve_xla(recipe_of("auto", **settings), plan, 2)
    with pytest.raises(KresnetError) as caught:
        resolve_xla(recipe_of("on", **settings), plan, 2)
    assert [problem.code for problem in caught.value.problems] == ["contradiction"]


OPTIMIZERS = ["sgd", "adamw", "lamb", "lars", "rmsprop"]


def trainer_of(optimizer: str, xla: bool) -> Trainer:
    """Everything that an update may do: clipping, a running average, weight decay, momentum, a schedule."""
    plan = plan_of(stages=[{"blocks": 1, "width": 4}])
    network, average = (build_model(plan, seed=1) for _ in range(2))
    average = WeightAverage(network, average, decay=0.9, start=0, warmup=True)
    trainer = Trainer(network, xla=xla, clip=GlobalNormClipping(1.0), average=average)
    settings = recipe_of("auto", optimizer={"kind": optimizer, "weight_decay": 0.01}).optimizer
    trainer.updates = make_optimizer(
        settings, lambda step: 0.01 / tf.cast(step + 1, tf.float32), network.trainable_variables
    )
    return trainer


def state_of(trainer: Trainer) -> list[np.ndarray]:
    network = [variable.value for variable in trainer.network.variables]
    return [variable.numpy() for variable in (*network, *trainer.updates.variables, *trainer.average.variables)]


@pytest.mark.parametrize(
    "optimizer", [pytest.param(name, marks=[pytest.mark.slow] * (name in ("adamw", "rmsprop"))) for name in OPTIMIZERS]
)
def test_a_compiled_update_is_the_update(optimizer):
    """From the same gradients, so that only the update is compared."""
    found = []
    for xla in (False, True):
        trainer = trainer_of(optimizer, xla)
        gradients = [tf.constant(np.random.default_rng(n).normal(size=weight.shape), tf.float32)
                     for n, weight in enumerate(trainer.network.trainable_variables)]  # fmt: skip
        before = state_of(trainer)
        for _ in range(2):
            if xla:
                assert trainer.compiled_update(gradients, tf.constant(1.0), True, [], [])
            else:
                trainer._update(gradients, tf.linalg.global_norm(gradients))
        found.append(state_of(trainer))
        assert any((old != new).any() for old, new in zip(before, found[-1], strict=True))
    for plain, compiled in zip(*found, strict=True):
        np.testing.assert_allclose(compiled, plain, rtol=2e-5, atol=1e-6)


def test_a_compiled_update_that_is_not_to_be_changes_no_bit():
    trainer = trainer_of("sgd", xla=True)
    network = trainer.network
    moved = [variable.value for variable in network.non_trainable_variables]
    values, before = [tf.identity(variable) for variable in moved], state_of(trainer)
    shapes = [weight.shape for weight in network.trainable_variables]
    for factor, loss, live in ((np.nan, 1.0, True), (1.0, np.inf, True), (1.0, 1.0, False), (1.0, 1.0, True)):
        for variable in moved:
            variable.assign(variable + 1.0)
        gradients = [tf.fill(shape, factor) for shape in shapes]
        finite = trainer.compiled_update(gradients, tf.constant(loss), tf.constant(live), moved, values)
        assert bool(finite) is bool(np.isfinite(factor) and np.isfinite(loss))
        same = [(old == new).all() for old, new in zip(before, state_of(trainer), strict=True)]
        assert sum(same) == (1 if finite and live else len(same))  # the factor of the learning rate stays


def test_compiled_steps_of_an_engine_learn_and_ask_no_condition():
    """Several steps a call, as on a GPU; a step that the host must decide on would be a conditional of the graph."""
    trainer = trainer_of("sgd", xla=True)
    engine = Engine(trainer, tf.distribute.get_strategy())
    batches = engine.distribute(tf.data.Dataset.from_tensors(BATCH).repeat())
    losses = []
    for _ in range(3):
        engine.reset_metrics()
        engine.train(batches, tf.constant(4, tf.int32))
        losses.append(engine.metrics()["loss"])
    assert engine.steps_taken() == 12
    assert losses[-1] < losses[0]
    graph = engine.train.get_concrete_function(batches, tf.constant(4, tf.int32)).graph.as_graph_def()
    kinds = {node.op for function in graph.library.function for node in function.node_def}
    assert not kinds & {"If", "StatelessIf"}


def test_norms_apply_the_relu_that_alone_reads_them_while_a_pass_is_traced():
    """In a block of post-activation the last norm is added to the shortcut first; a frozen one stays as it is."""
    network = build_model(plan_of(stages=[{"blocks": 2, "width": 4}]))
    network.get_layer("stage1.block2.norm1").trainable = False
    with _rectifying_norms(network):
        names = [layer.name for layer in network.layers if getattr(layer, "rectifies", False)]
        activations = [layer for layer in network.layers if isinstance(layer, keras.layers.Activation)]
        linear = [layer.name for layer in activations if layer.activation is keras.activations.linear]
    assert names == ["stem.norm", "stage1.block1.norm1"]
    assert linear == ["stem.activation", "stage1.block1.activation1"]
    assert not any(getattr(layer, "rectifies", False) for layer in network.layers)
    assert network.get_layer("stem.activation").activation is keras.activations.relu
