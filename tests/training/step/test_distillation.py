"""What is learned from a teacher: the losses of the papers by NumPy, and exactly resumed runs of every kind."""

from __future__ import annotations

import json
from pathlib import Path

import keras
import numpy as np
import pytest
from scipy.special import log_softmax, softmax

from kresnet.errors import KresnetError
from kresnet.graph import build_model
from kresnet.plan import lower
from kresnet.runs.resolved_run import resolve_run
from kresnet.runs.run_directory import RunDirectory
from kresnet.spec.architecture import Spec
from kresnet.spec.recipe import Recipe
from kresnet.spec.recipe.distill import FeatureTargets, HardTargets, SoftTargets
from kresnet.training import fit
from kresnet.training.loop.progress import RunOutput
from kresnet.training.loop.session import TrainingSession
from kresnet.training.step.distillation import Distillation, squared_distances

RANDOM = np.random.default_rng(0)
LOGITS, TAUGHT = RANDOM.normal(size=(2, 6, 5)).astype(np.float32)


def small_spec(width: int = 4, **more) -> Spec:
    return Spec.model_validate({
        "name": f"small{width}", "input": {"shape": [8, 8, 1], "pixels": {"mean": [0.3], "std": [0.4]}},
        "stem": {"kind": "conv", "width": width}, "block": {"kind": "basic", "shortcut": "projection"},
        "stages": [{"blocks": 1, "width": 2 * width, "stride": 2}],
        "head": {"classes": 3}, **more,
    })  # fmt: skip


def distillation(settings) -> Distillation:
    model = build_model(lower(small_spec()), seed=0)
    return Distillation(settings, model, model)


def test_soft_targets_are_those_of_hinton_et_al():
    """(1 - w) loss + w T² cross-entropy of softmax(z / T) against softmax(v / T)."""
    found = distillation(SoftTargets(teacher="x", temperature=3.0, weight=0.7)).mix(2.0, LOGITS, TAUGHT)
    soft = -(softmax(TAUGHT / 3.0, -1) * log_softmax(LOGITS / 3.0, -1)).sum(-1).mean()
    assert float(found) == pytest.approx(0.3 * 2.0 + 0.7 * 9.0 * soft, rel=1e-5)


def test_hard_targets_are_the_likeliest_class():
    found = distillation(HardTargets(kind="hard", teacher="x", weight=0.5)).mix(2.0, LOGITS, TAUGHT)
    hard = -log_softmax(LOGITS, -1)[np.arange(6), TAUGHT.argmax(-1)].mean()
    assert float(found) == pytest.approx(0.5 * 2.0 + 0.5 * hard, rel=1e-5)


@pytest.mark.parametrize("channels", [3, 7])
def test_maps_are_compared_at_length_one_and_projected_where_their_channels_differ(channels):
    a, b = RANDOM.normal(size=(2, 4, 4, 3)), RANDOM.normal(size=(2, 4, 4, channels))
    flat = [each.reshape(2, -1) if channels == 3 else (each**2).mean(-1).reshape(2, -1) for each in (a, b)]
    unit = [each / np.linalg.norm(each, axis=-1, keepdims=True) for each in flat]
    expected = ((unit[0] - unit[1]) ** 2).sum(-1)
    np.testing.assert_allclose(squared_distances(a.astype("f4"), b.astype("f4")), expected, rtol=1e-4)
    whole = distillation(FeatureTargets(kind="feature", teacher="x", weight=2.0)).mix(
        1.0, a.astype("f4"), b.astype("f4")
    )
    assert float(whole) == pytest.approx(1.0 + 2.0 * expected.mean(), rel=1e-4)


@pytest.fixture(scope="module")
def teacher(tmp_path_factory) -> Path:
    """A trained network of three classes, wider than the student, and the images."""
    folder = tmp_path_factory.mktemp("teacher")
    labels = np.arange(40) % 3
    images = RANDOM.integers(0, 256, size=(40, 8, 8, 1), dtype=np.uint8)
    np.savez(folder / "data.npz", train_inputs=images[:24], train_targets=labels[:24],
             test_inputs=images[24:], test_targets=labels[24:])  # fmt: skip
    run = resolve_run(small_spec(6), recipe(folder, epochs=1))
    fit.start(RunDirectory(folder / "run"), run, None, RunOutput())
    return folder


def recipe(folder: Path, **more) -> Recipe:
    return Recipe.model_validate({
        "name": "r", "data": {"kind": "arrays", "path": str(folder / "data.npz")}, "epochs": 2, "batch_size": 8,
        "augment": {"flip": True}, "optimizer": {"kind": "sgd", "learning_rate": 0.05}, **more,
    })  # fmt: skip


KINDS = {
    "soft": {"temperature": 2.0},
    "hard": {"kind": "hard"},
    "feature": {"kind": "feature", "stage": 1},
}


#: How runs of each kind compute: with what has the step keep more than weights.
WAYS = {
    "soft": {"precision": "bfloat16", "accumulate_steps": 2},
    "hard": {"precision": "float16", "accumulate_steps": 2},
    "feature": {"precision": "bfloat16", "ema": {"decay": 0.9}, "accumulate_steps": 2},
}


@pytest.mark.parametrize(
    "kind", ["soft", pytest.param("hard", marks=pytest.mark.slow), pytest.param("feature", marks=pytest.mark.slow)]
)
def test_a_run_with_a_teacher_is_resumed_to_the_bit(kind, teacher, tmp_path, monkeypatch):
    stated = recipe(teacher, distill=KINDS[kind] | {"teacher": str(teacher / "run")}, **WAYS[kind])
    whole, halted = RunDirectory(tmp_path / "whole"), RunDirectory(tmp_path / "halted")
    fit.start(whole, resolve_run(small_spec(), stated), None, RunOutput())
    with pytest.raises(KresnetError) as caught:
        fit.start(halted, resolve_run(small_spec(), stated), None, RunOutput(), pause_after=1)
    assert caught.value.problems[0].code == "interrupted"
    fit.resume(RunDirectory(halted.path), None, RunOutput())
    weights = [
        [variable.numpy() for variable in keras.models.load_model(run.model).variables] for run in (whole, halted)
    ]
    for one, other in zip(*weights, strict=True):
        np.testing.assert_array_equal(one, other)
    kept = json.loads((halted.path / "teacher.json").read_text())
    assert kept["sha256"] == halted.read_teacher().sha256
    assert kept["spec"]["name"] == "small6"
    # what is kept is the student alone
    plan = lower(small_spec())
    assert sum(weight.size for weight in weights[0]) == plan.trainable + plan.non_trainable


def test_the_teacher_is_asked_for_the_pixels_that_the_student_sees_and_stays_as_it_is(teacher, tmp_path, monkeypatch):
    asked, trained = [], []
    teach, train = Distillation.teach, TrainingSession.train

    def spy(self, images):
        asked.append((images, self))
        return teach(self, images)

    monkeypatch.setattr(Distillation, "teach", spy)
    monkeypatch.setattr(TrainingSession, "train", lambda self, *given: trained.append(self) or train(self, *given))
    stated = recipe(teacher, distill={"teacher": str(teacher / "run")}, epochs=1)
    fit.start(RunDirectory(tmp_path / "run"), resolve_run(small_spec(), stated), None, RunOutput())
    images, one = asked[0]
    assert images.shape[1:] == (8, 8, 1)  # the network's own pixels, 0 to 255: each normalizes them itself
    (before,) = [keras.models.load_model(teacher / "run/model.keras")]
    for mine, theirs in zip(one._teacher.variables, before.variables, strict=True):
        np.testing.assert_array_equal(mine.numpy(), theirs.numpy())
    (session,) = trained
    assert not {id(each) for each in one._teacher.variables} & {
        id(each) for each in session.engine.trainer.network.variables
    }


def test_another_teacher_is_refused_on_resumption(teacher, tmp_path):
    stated = recipe(teacher, distill={"teacher": str(teacher / "run")})
    run = RunDirectory(tmp_path / "run")
    with pytest.raises(KresnetError):
        fit.start(run, resolve_run(small_spec(), stated), None, RunOutput(), pause_after=1)
    values = json.loads((run.path / "teacher.json").read_text())
    (run.path / "teacher.json").write_text(json.dumps(values | {"sha256": "0" * 64}))
    with pytest.raises(KresnetError) as caught:
        fit.resume(RunDirectory(run.path), None, RunOutput())
    (problem,) = caught.value.problems
    assert (problem.code, problem.path) == ("run_changed", "recipe.distill.teacher")
