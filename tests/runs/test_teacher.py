"""Which networks can learn from which: same pixels, same classes in the same order, maps of the same size."""

from __future__ import annotations

from dataclasses import replace

import pytest

from kresnet.errors import KresnetError
from kresnet.plan import lower
from kresnet.runs.teacher import Teacher, require_teachable, stage_output
from kresnet.spec.loading import load_spec
from kresnet.spec.recipe.distill import FeatureTargets, SoftTargets

SOFT = SoftTargets(teacher="x")
SPEC = load_spec("quickstart", {"head.classes": 3}).value
TEACHER = Teacher("x", "x/model.keras", "0" * 64, SPEC.document(), ("a", "b", "c"))


def refused(distill, teacher, classes=("a", "b", "c"), spec=SPEC):
    with pytest.raises(KresnetError) as caught:
        require_teachable(distill, teacher, spec, lower(spec), classes)
    (problem,) = caught.value.problems
    return problem


def changed(**overrides):
    return replace(TEACHER, spec=load_spec("quickstart", {"head.classes": 3, **overrides}).value.document())


def test_a_network_can_learn_from_one_of_its_classes_whatever_its_pixels_mean():
    require_teachable(SOFT, TEACHER, SPEC, lower(SPEC), ("a", "b", "c"))
    require_teachable(SOFT, changed(**{"input.pixels": {"mean": [0.5]}}), SPEC, lower(SPEC), ("a", "b", "c"))
    wider = changed(**{"stages.*.width": 16})
    require_teachable(FeatureTargets(kind="feature", teacher="x"), wider, SPEC, lower(SPEC), ())


def test_what_cannot_teach_is_told():
    problem = refused(SOFT, TEACHER, classes=("a", "c", "b"))
    assert (problem.code, problem.expected, problem.found) == ("data_mismatch", "c", "b")
    assert refused(SOFT, TEACHER, classes=("a", "b", "c", "d")).found == "3 classes"
    assert refused(SOFT, changed(**{"input.shape": [32, 32, 1]})).expected == "[28, 28, 1]"
    assert refused(SOFT, changed(**{"head.multi_label": True})).code == "contradiction"
    feature = FeatureTargets(kind="feature", teacher="x", stage=2)
    assert refused(feature, changed(**{"stages.1.stride": 1})).code == "data_mismatch"
    assert refused(FeatureTargets(kind="feature", teacher="x", stage=9), TEACHER).path == "recipe.distill.stage"


def test_the_output_of_a_stage():
    plan = lower(SPEC)
    assert stage_output(plan, None) == stage_output(plan, 3) == "stage3.block1.activation"
    assert plan.by_name[stage_output(plan, 1)].shape == (14, 14, 32)


def test_a_teacher_is_read_as_it_was_written(tmp_path):
    assert Teacher.from_dict(TEACHER.as_dict()) == TEACHER
    with pytest.raises(KresnetError) as caught:
        TEACHER.require_same(replace(TEACHER, sha256="1" * 64), tmp_path)
    assert caught.value.problems[0].code == "run_changed"
    TEACHER.require_same(None, tmp_path)
