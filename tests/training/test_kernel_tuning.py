"""A run keeps the kernels that were chosen for it; measuring prefers stock unless another is faster by enough."""

from __future__ import annotations

import json

import numpy as np
import pytest
import tensorflow as tf

from kresnet import open_run
from kresnet.distributed.context import connect
from kresnet.errors import KresnetError
from kresnet.files import CACHE_VARIABLE
from kresnet.graph import build_model
from kresnet.plan.convolutions import STOCK, KernelChoice, plan_convolutions
from kresnet.runs.checkpoints import CheckpointStore
from kresnet.runs.resolved_run import ResolvedRun, resolve_run
from kresnet.runs.run_directory import RunDirectory
from kresnet.spec.architecture import Spec
from kresnet.spec.loading import load_recipe
from kresnet.spec.recipe import Recipe
from kresnet.training import fit, kernel_tuning
from kresnet.training.kernel_tuning import TunedKernels, Turn, choose_kernels_by_time, fastest
from kresnet.training.loop.progress import RunOutput
from kresnet.training.opening import open_run_data
from kresnet.training.setup import make_trainer
from kresnet.training.step.rematerialization import rematerialized_forward
from kresnet.training.step.trainer import Trainer
from tests.command import forked_python
from tests.training.interrupted_runs import weights
from tests.training.networks import tiny_plan

SPEC = {
    "name": "tiny",
    "input": {"shape": [8, 8, 1]},
    "stem": {"kind": "conv", "width": 4, "kernel": 3, "stride": 1},
    "block": {"kind": "bottleneck"},
    "stages": [{"blocks": 1, "width": 4}],
    "head": {"classes": 3},
}
#: For any convolution without groups and stride, and for all others.
ALL, ANY = KernelChoice("products", "transposed", "transposed"), KernelChoice("products", "stock", "products")


def forced(plan) -> dict[str, KernelChoice]:
    """Choices for every convolution that has one, stock in no pass where that is possible."""
    return {
        name: ALL if each.kernel > 1 and each.stride == each.groups == 1 else ANY
        for name, each in plan_convolutions(plan).items()
    }


@pytest.fixture
def chosen(monkeypatch):
    """Have `kernels: auto` choose `forced` without measuring; the list counts how often it was asked."""
    asked: list[tuple[int, str]] = []

    def choose(plan, images, precision):
        asked.append((images, precision))
        return TunedKernels(forced(plan), "as the test says")

    monkeypatch.setattr("kresnet.training.opening.choose_kernels_by_time", choose)
    return asked


def image_run(folder, **recipe) -> ResolvedRun:
    """Four steps of eight images, two an epoch."""
    random = np.random.default_rng(0)
    arrays = {}
    for split, count in (("train", 16), ("test", 8)):
        arrays[f"{split}_inputs"] = random.integers(0, 256, (count, 8, 8, 1)).astype(np.uint8)
        arrays[f"{split}_targets"] = np.arange(count) % 3
    np.savez(folder / "data.npz", **arrays)
    settings = {
        "name": "short",
        "data": {"kind": "arrays", "path": str(folder / "data.npz"), "validation": None},
        "steps": 4,
        "batch_size": 8,
        "checkpoints": {"save_every_steps": 2},
        "kernels": "auto",
        "optimizer": {"kind": "sgd", "learning_rate": 0.1},
    }
    return resolve_run(Spec.model_validate(SPEC), Recipe.model_validate(settings | recipe))


def test_a_run_keeps_its_kernels_to_the_bit(tmp_path, chosen, monkeypatch):
    """Through a pause, and where measuring would choose otherwise; what it leaves is a network like any other."""
    run = image_run(tmp_path)
    whole = RunDirectory(tmp_path / "whole")
    fit.start(whole, run, None, RunOutput.silent())
    paused = RunDirectory(tmp_path / "paused")
    with pytest.raises(KresnetError, match="the state is saved"):
        fit.start(paused, run, None, RunOutput.silent(), pause_after=1)
    assert chosen == [(8, "float32")] * 2
    recorded = json.loads((paused.path / "environment.json").read_text())["kernels"]["convolutions"]
    assert recorded["stage1.block1.conv2"] == {"forward": "products", "by_input": "transposed",
                                               "by_weights": "transposed"}  # fmt: skip
    checkpoint, _ = CheckpointStore(paused.checkpoints, 1).latest()
    assert checkpoint.facts["kernels"] == recorded
    monkeypatch.setattr("kresnet.training.opening.choose_kernels_by_time", lambda *_: pytest.fail("measured again"))
    said: list[str] = []
    fit.resume(paused, None, RunOutput.silent()._replace(log=said.append))
    for one, other in zip(weights(whole.model), weights(paused.model), strict=True):
        np.testing.assert_array_equal(one, other)
    assert [line for line in said if line.startswith("kernels: ")] == [
        "kernels: 4 of 5 convolutions otherwise than stock: forward 4 by matrix products; by input 1 by convolutions "
        "of transposed arrays; by weights 3 by matrix products and 1 by convolutions of transposed arrays"
    ]
    result = open_run(whole.path)
    assert result.evaluate()["loss"] == pytest.approx(json.loads(whole.result.read_text())["test"]["loss"], rel=1e-6)


def test_only_training_runs_by_them(tmp_path, chosen):
    run = image_run(tmp_path)
    with connect(None, run.recipe) as context:
        settled, _ = open_run_data(run, context)
        auto = make_trainer(settled, context).network
    images = tf.constant(np.random.default_rng(0).integers(0, 256, (2, 8, 8, 1)), tf.float32)

    def operations(training):
        graph = tf.function(lambda x: auto(x, training=training)).get_concrete_function(images).graph
        return {each.type for each in graph.get_operations()}

    assert "IdentityN" in operations(True)  # what a gradient of its own is marked by
    assert "IdentityN" not in operations(False)


def test_gradients_are_those_of_stock_kernels_but_for_rounding():
    """Of a batch in parts, with blocks that are computed again."""
    plan = tiny_plan({"kind": "none"})
    random = np.random.default_rng(0)
    images = tf.constant(random.integers(0, 256, (4, 8, 8, 1)).astype(np.uint8))
    labels = tf.constant(random.integers(0, 3, 4).astype(np.int32))
    plain, chosen = (build_model(plan, seed=1, kernels=kernels) for kernels in ({}, forced(plan)))
    again = rematerialized_forward(chosen, plan, (1, 2))
    trainers = Trainer(plain), Trainer(chosen, accumulate_steps=2, forward=again)

    def gradients(trainer):
        return tf.function(lambda: trainer.backward(images, labels).gradients, autograph=False)()

    for one, other in zip(*map(gradients, trainers), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5)


#: Gradients that two replicas have added up, by stock kernels and by others.
MIRRORED = """
import numpy as np, tensorflow as tf
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
from kresnet.distributed.devices import make_strategy
from kresnet.graph import build_model
from kresnet.training.step.trainer import Trainer
from tests.training.networks import tiny_plan
from tests.training.test_kernel_tuning import forced
plan, strategy = tiny_plan({"kind": "none"}), make_strategy("mirrored")
images = tf.constant(np.random.default_rng(0).integers(0, 256, (4, 8, 8, 1)).astype(np.uint8))
found = []
for kernels in ({}, forced(plan)):
    with strategy.scope():
        trainer = Trainer(build_model(plan, seed=3, kernels=kernels))
    def backward():
        return trainer.backward(images, tf.constant([0, 1, 2, 1])).gradients
    gradients = tf.function(lambda: strategy.run(backward), autograph=False)()
    found.append([strategy.experimental_local_results(each) for each in gradients])
for stock, others in zip(*found, strict=True):
    assert len(others) == 2
    for one, other in zip(stock, others, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5)
"""


def test_two_replicas_train_by_them():
    done = forked_python(MIRRORED)
    assert done.returncode == 0, done.stderr


def test_a_worker_takes_what_the_chief_has(tmp_path, chosen):
    run = image_run(tmp_path)
    with connect(None, run.recipe) as context:
        settled, _ = open_run_data(run, context, {"stage1.block1.conv1": ANY})
    assert settled.devices.kernels == {"stage1.block1.conv1": ANY}
    assert chosen == []


@pytest.mark.parametrize("others", [["deterministic=true"], ["xla=on"], ["quantize={start_epochs: 1}"]])
def test_what_has_kernels_of_its_own_is_refused(others):
    with pytest.raises(KresnetError) as caught:
        load_recipe("quickstart", ["kernels=auto", *others])
    assert [(each.code, each.path) for each in caught.value.problems] == [("contradiction", "kernels")]


@pytest.mark.parametrize(
    ("products", "way"),
    [
        ([(5, 8), (6, 8), (5, 8)], "products"),
        ([(9.5, 8), (9.5, 8), (9.5, 8)], "stock"),  # faster, but not by enough
        ([(5, 8), (11, 8), (11, 8)], "stock"),  # once
        ([(5, 30), (5, 30), (5, 30)], "stock"),  # while another program held the other back
    ],
)
def test_another_way_has_to_be_faster_by_enough(products, way):
    turns = {"stock": [Turn(10, 20)] * 3, "products": [Turn(*turn) for turn in products]}
    assert fastest(turns) == way


def test_measuring_is_kept_and_not_repeated(tmp_path, monkeypatch):
    """The real thing, on a tiny network: whatever it chooses, it chooses it again without measuring."""
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "cache"))
    plan = image_run(tmp_path).plan
    first = choose_kernels_by_time(plan, 4, "float32")
    assert "(shapes: 3 measured in " in first.text
    monkeypatch.setattr(kernel_tuning, "measure_kernels", lambda *_: pytest.fail("measured again"))
    again = choose_kernels_by_time(plan, 4, "float32")
    assert again.choices == first.choices
    assert again.text.endswith("(shapes: 3 measured before)")
    monkeypatch.undo()
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "cache"))
    (kept,) = (tmp_path / "cache/kernels").iterdir()
    values = json.loads(kept.read_text())
    key = next(key for key in values["convolutions"] if "1x1" in key)
    values["convolutions"][key]["choice"] = {"by_weights": "transposed"}  # which a 1x1 has not
    kept.write_text(json.dumps(values))
    assert "1 measured in" in choose_kernels_by_time(plan, 4, "float32").text


def test_what_time_does_not_reach_is_stock(tmp_path, monkeypatch):
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "cache"))
    monkeypatch.setattr(kernel_tuning, "LIMIT_SECONDS", -1.0)
    tuned = choose_kernels_by_time(image_run(tmp_path).plan, 4, "float32")
    assert tuned.choices == {}
    assert "3 left stock for want of time" in tuned.text


def test_a_gpu_chooses_by_itself(tmp_path, monkeypatch):
    monkeypatch.setattr("kresnet.training.kernel_tuning.tf.config.list_physical_devices", lambda kind: ["a GPU"])
    assert choose_kernels_by_time(image_run(tmp_path).plan, 4, "float32").choices == {}
    assert KernelChoice() == STOCK
