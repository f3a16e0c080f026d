"""Both instruments inside a run: recorded, exact to resume, and loud."""

import json
import shutil
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from kresnet.diagnostics.network_under_test import open_network_under_test
from kresnet.errors import KresnetError
from kresnet.probes.batch_norm_agreement import ERROR_FIELDS, FORWARD_ERROR_FIELDS, KERNEL_ERROR_FIELDS
from kresnet.probes.block_paths import batch_norms, block_paths
from kresnet.runs.history_file import HistoryFile
from kresnet.runs.resolved_run import resolve_run
from kresnet.runs.run_directory import RunDirectory
from kresnet.spec.architecture import Spec
from kresnet.spec.recipe import Recipe
from kresnet.training import fit, setup
from kresnet.training.loop.progress import RunOutput
from tests.probes.faulty_batch_norms import faulty_batch_norm
from tests.probes.small_networks import document, plan_of
from tests.training.interrupted_runs import Killed

STAGES = [{"blocks": 1, "width": 8, "stride": 2}]


def recipe(**changes) -> Recipe:
    settings = {
        "name": "short", "data": {"kind": "embedded"}, "epochs": 1, "batch_size": 900,
        "optimizer": {"kind": "sgd", "learning_rate": 0.1}, "checkpoints": {"save_every_steps": 4},
    }  # fmt: skip
    return Recipe.model_validate(settings | changes)


def start(directory, settings: Recipe, log=lambda text: None, **changes):
    spec = Spec.model_validate(document(**({"stages": STAGES} | changes)))
    run = RunDirectory(directory)
    fit.start(run, resolve_run(spec, settings), None, RunOutput(log))
    return run


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    directory = tmp_path_factory.mktemp("fit") / "run"
    return start(directory, recipe(bn_check_every_steps=3, gradients_every_steps=4))


def lines(run):
    return [json.loads(line) for line in run.history.path.read_text().splitlines()]


def test_history_holds_the_norms_at_the_interval(measured):
    found = [line for line in lines(measured) if "gradients" in line]
    assert [line["step"] for line in found] == [1, 5, 9]
    names = [block.name for block in block_paths(plan_of(stages=STAGES))]
    for line in found:
        assert list(line["gradients"]["blocks"]) == names
        assert all(block["delta"] > 0 and block["weights"] > 0 for block in line["gradients"]["blocks"].values())
        assert line["gradients"]["verdict"] == "holds"


def test_history_holds_the_checks_of_batch_norms_at_theirs(measured):
    found = [line for line in lines(measured) if "batch_norm" in line]
    assert [line["step"] for line in found] == [1, 4, 7, 10]
    for line in found:
        assert list(line["batch_norm"]) == [norm.name for norm in batch_norms(plan_of(stages=STAGES))]
        for norm in line["batch_norm"].values():
            assert norm.keys() == {"x", "gamma", "beta", "tolerance", "failures"}
            assert 0 <= norm["x"] <= norm["tolerance"]
            assert norm["failures"] == []


def test_tensorboard_shows_them(measured):
    events = EventAccumulator(str(measured.tensorboard))
    events.Reload()
    (line, *_) = [line for line in lines(measured) if "gradients" in line]
    tensors = events.Tensors("gradients/delta/stage1.block1")
    assert [event.step for event in tensors] == [1, 5, 9]
    shown = tf.make_ndarray(tensors[0].tensor_proto)
    np.testing.assert_allclose(shown, line["gradients"]["blocks"]["stage1.block1"]["delta"], rtol=1e-6)


def test_a_run_is_examined_with_its_weights(measured, tmp_path):
    """The final ones; of an unfinished run those of its newest checkpoint."""
    unfinished = tmp_path / "unfinished"
    shutil.copytree(measured.path, unfinished, ignore=shutil.ignore_patterns("model.keras"))
    final, saved = open_network_under_test(str(measured), batch=8), open_network_under_test(str(unfinished), batch=8)
    assert "model.keras" in final.provenance[0]
    assert "after step 10" in saved.provenance[0]
    for a, b in zip(*(subject.engine.trainer.network.get_weights() for subject in (final, saved)), strict=True):
        np.testing.assert_array_equal(a, b)
    with pytest.raises(KresnetError, match="as it was trained"):
        open_network_under_test(str(measured), overrides=["activation=relu6"], batch=8)


def test_a_measured_run_learns_what_an_unmeasured_one_does(measured, tmp_path):
    plain = start(tmp_path / "run", recipe())
    expected, found = (run.read_result()["train"]["loss"] for run in (plain, measured))
    np.testing.assert_allclose(found, expected, rtol=1e-3)


def test_a_faulty_norm_stops_the_run_by_name(tmp_path, monkeypatch):
    build = setup.build_model
    monkeypatch.setattr(
        setup, "build_model", lambda *a, **k: build(*a, **k, batch_norm=faulty_batch_norm("lost_minus"))
    )
    with pytest.raises(KresnetError, match=r"`stem\.norm`") as error:
        start(tmp_path / "run", recipe(bn_check_every_steps=5))
    assert error.value.status == 1
    assert {problem.code for problem in error.value.problems} == {"batch_norm_mismatch"}


def test_a_vanishing_gradient_is_told_with_the_block(tmp_path):
    told = []
    start(
        tmp_path / "run",
        recipe(gradients_every_steps=8, batch_size=4500),
        told.append,
        norm={"kind": "none"},
        activation="sigmoid",
        block={"kind": "basic", "shortcut": "none"},
        stages=[{"blocks": 6, "width": 8, "stride": 2}],
    )
    (warning,) = [text for text in told if "warning" in text]
    assert "vanishes" in warning
    assert "stage1.block" in warning


def test_a_network_without_batch_norm_has_nothing_to_check(tmp_path):
    with pytest.raises(KresnetError, match="no batch norm") as error:
        start(tmp_path / "run", recipe(bn_check_every_steps=5), norm={"kind": "none"})
    assert error.value.status == 2
    assert not (tmp_path / "run").exists()


MIRRORED = """
import json, sys
from kresnet.runtime import import_tensorflow
import_tensorflow()
import numpy as np, tensorflow as tf
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
from kresnet.probes.gradient_flow import gradient_flow
from kresnet.probes.probe import Probe
from kresnet.graph import build_model
from kresnet.spec.recipe import Sgd
from kresnet.distributed.devices import make_strategy
from kresnet.training.step.engine import Engine
from kresnet.training.step.optimizers import make_optimizer
from kresnet.training.step.trainer import Trainer
from tests.probes.faulty_batch_norms import faulty_batch_norm
from tests.probes.small_networks import images, plan_of

# One mirrored strategy for all: each numbers its collectives from the same start, and would meet the others' shapes.
strategies = {name: make_strategy(name) for name in ("one_device", "mirrored")}

def run(distribution, precision, synchronized, **options):
    plan = plan_of(norm={"kind": "batch", "synchronized": synchronized}, stages=[{"blocks": 2, "width": 8}])
    strategy = strategies[distribution]
    with strategy.scope():
        network = build_model(plan, precision=precision, **options)
        trainer = Trainer(network)
        trainer.updates = make_optimizer(Sgd(kind="sgd"), lambda step: tf.constant(0.1), network.trainable_variables)
    engine = Engine(trainer, strategy)
    batches = engine.distribute(tf.data.Dataset.from_tensors(images(16)).repeat())
    probe = Probe(plan, network, check_norms=True, measure_blocks=True)
    found = engine.train_probed(batches, probe)
    errors = np.max([each["batch_norm"] for each in found], axis=0)
    return {"replicas": len(found), "errors": errors.max(0).tolist(), "counts": errors[:, -1].tolist(),
            "flow": found[0]["flow"].tolist(), "loss": engine.metrics()["loss"]}

json.dump({
    "one": run("one_device", "float32", False),
    "local": run("mirrored", "float32", False),
    "bfloat16": run("mirrored", "bfloat16", False),
    "synchronized": run("mirrored", "float32", True),
    "faulty": run("mirrored", "float32", False, batch_norm=faulty_batch_norm("lost_minus")),
}, sys.stdout)
"""


@pytest.fixture(scope="module")
def mirrored():
    command = [sys.executable, "-c", MIRRORED]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout)


@pytest.mark.slow
@pytest.mark.parametrize("case", ["one", "local", "bfloat16", "synchronized"])
def test_norms_agree_in_a_compiled_step_on_every_replica(mirrored, case):
    assert mirrored[case]["replicas"] == (1 if case == "one" else 2)
    errors = dict(zip(ERROR_FIELDS, mirrored[case]["errors"], strict=False))
    assert max(errors[field] for field in KERNEL_ERROR_FIELDS + FORWARD_ERROR_FIELDS) < 2e-5
    assert errors["forms"] < 1e-9
    assert errors["differences"] < 1e-5


@pytest.mark.slow
def test_a_fault_is_caught_on_replicas_too(mirrored):
    assert mirrored["faulty"]["errors"][0] > 1e-3


@pytest.mark.slow
def test_a_synchronized_norm_is_checked_over_the_global_batch(mirrored):
    assert mirrored["synchronized"]["counts"] == mirrored["one"]["counts"]
    assert mirrored["local"]["counts"] == [count / 2 for count in mirrored["one"]["counts"]]


@pytest.mark.slow
def test_the_flow_is_that_of_the_global_batch(mirrored):
    np.testing.assert_allclose(mirrored["synchronized"]["flow"], mirrored["one"]["flow"], rtol=2e-3, atol=1e-9)


@pytest.mark.parametrize("killed_at", [5, pytest.param(9, marks=pytest.mark.slow)])
def test_tensorboard_holds_each_measured_step_and_each_epoch_once_after_a_kill(tmp_path, monkeypatch, killed_at):
    """Killed once before and once after the first save, right after a step was measured."""
    append = HistoryFile.append

    def append_and_kill(self: HistoryFile, line) -> None:
        append(self, line)
        if line["step"] == killed_at:
            raise Killed

    monkeypatch.setattr(HistoryFile, "append", append_and_kill)
    with pytest.raises(Killed):
        start(tmp_path / "run", recipe(gradients_every_steps=2, checkpoints={"save_every_steps": 6}))
    monkeypatch.undo()
    run = RunDirectory(tmp_path / "run")
    fit.resume(run, None, RunOutput())
    events = EventAccumulator(str(run.tensorboard), size_guidance={"tensors": 0}).Reload()
    steps = {tag: [event.step for event in events.Tensors(tag)] for tag in events.Tags()["tensors"]}
    measured = [line["step"] for line in lines(run) if "gradients" in line]
    assert measured == [1, 3, 5, 7, 9]
    by_step = {tag: found for tag, found in steps.items() if tag.startswith("gradients/")}
    assert by_step == {tag: measured for tag in steps if tag.startswith("gradients/")} != {}
    assert {tag: found for tag, found in steps.items() if tag not in by_step} == {
        tag: [1] for tag in steps if tag not in by_step
    }
