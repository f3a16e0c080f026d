"""Two replicas on one machine against one device, in a process that shows two logical CPUs."""

import json

import numpy as np
import pytest

from tests.command import forked_python

SCRIPT = """
import json, sys
from kresnet.runtime import import_tensorflow
import_tensorflow()
import numpy as np, tensorflow as tf
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
from kresnet.data.sources.array_source import ArraySource
from kresnet.data.splits import Split
from kresnet.graph import build_model
from kresnet.graph.layers import Dropout, StochasticDepth
from kresnet.plan import make_plan
from kresnet.plan.objective import Objective
from kresnet.spec.architecture import Spec
from kresnet.spec.inputs import Input
from kresnet.runs.teacher import stage_output
from kresnet.spec.recipe import Sgd
from kresnet.spec.recipe.metrics import metric_named
from kresnet.spec.recipe.distill import FeatureTargets, SoftTargets
from kresnet.training.step.distillation import Distillation
from kresnet.training.step.averaging import WeightAverage
from kresnet.training.step.clipping import GlobalNormClipping
from kresnet.distributed.devices import make_strategy
from kresnet.training.step.engine import Engine
from kresnet.training.step.loss_scale import LossScale
from kresnet.training.step.losses import make_loss
from kresnet.training.step.measure import measure_split
from kresnet.training.step.optimizers import make_optimizer
from kresnet.training.step.rematerialization import rematerialized_forward
from kresnet.training.step.trainer import Trainer
from tests import outside_recipe
from tests.outside_recipe import Brier, LargestLogit
from tests.training.networks import tiny_plan

BY_MATRIX_AND_OUTPUTS = ("matthews_correlation", "auroc_macro")
plan = make_plan(Spec.model_validate({
    "name": "tiny", "input": {"shape": [8, 8, 1]}, "norm": {"kind": "batch", "synchronized": True},
    "stem": {"kind": "conv", "width": 4, "kernel": 3, "stride": 1}, "block": {"kind": "basic"},
    "stages": [{"blocks": 1, "width": 8, "stride": 2}], "head": {"classes": 3},
}))
rng = np.random.default_rng(0)
images = rng.integers(0, 256, (64, 8, 8, 1)).astype(np.uint8)
labels = rng.integers(0, 3, 64).astype(np.int32)

more = sys.argv[1] == "more"
strategies = {name: make_strategy(name) for name in ("one_device", "mirrored")}

def run(distribution):
    strategy = strategies[distribution]
    with strategy.scope():
        network = build_model(plan, seed=3)
        average = WeightAverage(network, build_model(plan), 0.9, 1, True)
        trainer = Trainer(network, clip=GlobalNormClipping(1.0), average=average)
        sgd = Sgd(kind="sgd", weight_decay=1e-3)
        trainer.updates = make_optimizer(sgd, lambda step: tf.constant(0.1), network.trainable_variables)
    engine = Engine(trainer, strategy)
    batches = engine.distribute(tf.data.Dataset.from_tensor_slices((images, labels)).batch(16).repeat())
    losses = []
    for _ in range(4):
        engine.reset_metrics()
        engine.train(batches, 2)
        losses.append(engine.metrics()["loss"])
    test = engine.evaluate(tf.data.Dataset.from_tensor_slices((images[:50], labels[:50])).batch(16), 16)
    copies = [[np.asarray(copy) for copy in strategy.experimental_local_results(w.value)] for w in network.weights]
    alike = all((copy == each[0]).all() for each in copies for copy in each)
    engine.restore(engine.state())
    held = [*network.weights, *trainer.average.network.weights]
    weights = [float(np.abs(w.numpy()).sum()) for w in held]
    return {"replicas": strategy.num_replicas_in_sync, "losses": losses, "test": test, "alike": bool(alike),
            "weights": weights, "masks": masks(strategy)}

def masks(strategy):
    with strategy.scope():
        layers = [Dropout(0.5, seed=1), StochasticDepth(0.5, seed=1)]
    call = tf.function(lambda: [layer(tf.ones((16, 4)), training=True) for layer in layers])
    drawn = [strategy.run(call) for _ in range(2)]
    return [[[copy.numpy().tolist() for copy in strategy.experimental_local_results(mask)] for mask in each]
            for each in drawn]

def thrifty(distribution, parts, stages, settings=None):
    # Without batch norm; each share of a batch in parts, blocks computed again, the loss scaled; with a teacher.
    strategy, grouped = strategies[distribution], tiny_plan({"kind": "group", "groups": 2})
    with strategy.scope():
        network = build_model(grouped, seed=3)
        forward = rematerialized_forward(network, grouped, stages) if stages else None
        trainer = Trainer(network, accumulate_steps=parts, forward=forward, loss_scale=LossScale() if stages else None)
        sgd = Sgd(kind="sgd", weight_decay=0.0)
        trainer.updates = make_optimizer(sgd, lambda step: tf.constant(0.1), network.trainable_variables)
        if settings:
            layers = [stage_output(grouped, settings.stage)] * 2 if settings.kind == "feature" else None
            trainer.distillation = Distillation(settings, build_model(grouped, seed=4), network, layers)
    engine, losses = Engine(trainer, strategy), []
    batches = engine.distribute(tf.data.Dataset.from_tensor_slices((images, labels)).batch(16).repeat())
    for _ in range(4):
        engine.reset_metrics()
        engine.train(batches, 1)
        losses.append(engine.metrics()["loss"])
    return losses

def moved(distribution, batch, synchronized, xla=False):
    # Moving statistics of every replica after one step from the same weights, and how often replicas met to trace it.
    strategy, met = strategies[distribution], []
    normed = tiny_plan({"kind": "batch", "synchronized": synchronized})
    with strategy.scope():
        network = build_model(normed, seed=3)
        trainer = Trainer(network, xla=xla)
        trainer.updates = make_optimizer(Sgd(kind="sgd"), lambda step: tf.constant(0.1), network.trainable_variables)
    engine = Engine(trainer, strategy)
    batches = engine.distribute(tf.data.Dataset.from_tensors((images[batch], labels[batch])).repeat())
    merge_call = tf.distribute.ReplicaContext.merge_call
    tf.distribute.ReplicaContext.merge_call = lambda *a, **k: met.append(0) or merge_call(*a, **k)
    engine.train(batches, 1)
    tf.distribute.ReplicaContext.merge_call = merge_call
    statistics = [v.value for v in network.non_trainable_variables if v.name.startswith("moving")]
    copies = [[copy.numpy().tolist() for copy in strategy.experimental_local_results(v)] for v in statistics]
    return {"copies": copies, "met": len(met)}

def measured(distribution):
    # By every form of metric, a kind from outside for two of them; the last batch is short, and padded.
    strategy, objective = strategies[distribution], Objective("softmax", 3)
    input = Input.model_validate({"shape": [8, 8, 1]})
    wanted = [Brier(kind="brier"), LargestLogit(kind="extreme_logit"), *map(metric_named, BY_MATRIX_AND_OUTPUTS)]
    with strategy.scope():
        trainer = Trainer(build_model(plan, seed=3), loss=make_loss(objective, metrics=wanted))
    split = Split("test", ArraySource(images[:50], labels[:50], input), input)
    return measure_split(Engine(trainer, strategy), split, objective, 16, wanted=wanted).metrics

halves = slice(0, 8), slice(8, 16)
moves = {"apart": [moved("one_device", half, False) for half in halves]}
for xla in (False, True) if more else (False,):
    moves[f"mirrored{'_xla' * xla}"] = moved("mirrored", slice(0, 16), False, xla)
moves["synchronized"] = moved("mirrored", slice(0, 16), True)

found = {name: run(name) for name in strategies}
found["moves"] = moves
outside_recipe.register()
found["measured"] = [measured(distribution) for distribution in strategies]
found["thrifty"] = [thrifty("one_device", 1, ()), thrifty("mirrored", 2, (1, 2))]
if more:
    found["thrifty"].append(thrifty("one_device", 2, (1, 2)))
taught = {"soft": SoftTargets(teacher="x"), "feature": FeatureTargets(kind="feature", teacher="x", stage=2, weight=1.0)}
found["taught"] = {
    kind: [thrifty("one_device", 1, (), settings), thrifty("mirrored", 2, (), settings)]
    for kind, settings in taught.items() if more
}
json.dump(found, sys.stdout)
"""


@pytest.fixture(scope="module", params=["few", pytest.param("more", marks=pytest.mark.slow)])
def runs(request: pytest.FixtureRequest) -> dict:
    """What the script found; `more` of it with XLA, with a teacher, and in parts on one device."""
    done = forked_python(SCRIPT, request.param, timeout=500)
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout)


def test_two_replicas_take_part(runs):
    assert [runs[name]["replicas"] for name in ("one_device", "mirrored")] == [1, 2]


def test_losses_agree_with_one_device(runs):
    """Synchronised norm and clipping of the whole gradient leave only rounding, which grows from step to step."""
    np.testing.assert_allclose(runs["mirrored"]["losses"], runs["one_device"]["losses"], rtol=1e-4)


def test_weights_agree_with_one_device(runs):
    np.testing.assert_allclose(runs["mirrored"]["weights"], runs["one_device"]["weights"], rtol=1e-3, atol=1e-5)


def test_replicas_hold_the_same_weights_and_statistics(runs):
    assert runs["mirrored"]["alike"]


def test_a_short_last_batch_is_evaluated_whole(runs):
    for metric in ("loss", "accuracy"):
        np.testing.assert_allclose(runs["mirrored"]["test"][metric], runs["one_device"]["test"][metric], rtol=1e-3)


def test_every_form_of_metric_is_that_of_one_device(runs):
    alone, together = runs["measured"]
    assert {"brier", "largest_logit", "matthews_correlation", "auroc_macro"} < set(together)
    assert together == pytest.approx(alone, rel=1e-5)


def test_parts_blocks_computed_again_and_a_loss_scale_change_no_loss(runs):
    plain, *others = runs["thrifty"]
    for losses in others:
        np.testing.assert_allclose(losses, plain, rtol=1e-4)


@pytest.mark.parametrize("runs", [pytest.param("more", marks=pytest.mark.slow)], indirect=True, scope="module")
def test_a_teacher_teaches_replicas_as_one_device(runs):
    for alone, together in runs["taught"].values():
        np.testing.assert_allclose(together, alone, rtol=1e-4)
        assert not np.allclose(alone, runs["thrifty"][0], rtol=1e-3)


def test_moving_statistics_are_the_mean_over_replicas_and_travel_together(runs):
    (one, other) = runs["moves"]["apart"]
    for found in (move for name, move in runs["moves"].items() if name.startswith("mirrored")):
        assert len(found["copies"]) > 6
        for copies, (first,), (second,) in zip(found["copies"], one["copies"], other["copies"], strict=True):
            assert copies[0] == copies[1]
            np.testing.assert_allclose(copies[0], (np.array(first) + second) / 2, rtol=1e-5, atol=1e-6)
        assert found["met"] < 6, "replicas met for every norm"


def test_synchronized_statistics_are_the_same_on_every_replica(runs):
    assert all(one == other for one, other in runs["moves"]["synchronized"]["copies"])


@pytest.mark.parametrize("layer", [0, 1])
def test_replicas_drop_different_places(runs, layer):
    """The first replica what one device would, the second others, and both others in the next step."""
    alone = [np.array(drawn[layer]) for drawn in runs["one_device"]["masks"]]
    mirrored = [np.array(drawn[layer]) for drawn in runs["mirrored"]["masks"]]
    for one, two in zip(alone, mirrored, strict=True):
        np.testing.assert_array_equal(two[0], one[0])
    masks = [mask for drawn in mirrored for mask in drawn]
    assert all((a != b).any() for n, a in enumerate(masks) for b in masks[:n])
