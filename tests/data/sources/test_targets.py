"""Targets that a network cannot learn are refused with what to type."""

from __future__ import annotations

from dataclasses import replace

import pytest

from kresnet.data.sources import open_data
from kresnet.data.sources.dataset import Targets
from kresnet.data.sources.targets import require_targets
from kresnet.errors import KresnetError
from kresnet.plan import make_plan
from kresnet.spec.architecture import Spec
from kresnet.spec.recipe import EmbeddedData
from tests.probes.small_networks import document


def problem_of(targets: Targets | None = None, **changes):
    """What is said of the embedded data, with other targets, for a changed network."""
    spec = Spec.model_validate(document(**changes))
    data = open_data(EmbeddedData(kind="embedded"), spec.input, 0)
    with pytest.raises(KresnetError) as caught:
        require_targets(replace(data, targets=targets) if targets else data, spec, make_plan(spec))
    (problem,) = caught.value.problems
    assert problem.code == "data_mismatch"
    return problem


def test_ten_classes_suit_a_head_of_ten():
    spec = Spec.model_validate(document())
    require_targets(open_data(EmbeddedData(kind="embedded"), spec.input, 0), spec, make_plan(spec))


def test_another_number_of_classes_is_refused():
    assert problem_of(head={"classes": 7}).remedy == "--set head.classes=10"


def test_values_are_nothing_that_a_classifier_learns():
    assert problem_of(Targets("values", (10,))).remedy == "head: {kind: regressor, outputs: 10}"
    assert problem_of(Targets("values", (10, 2))).remedy == "head: {kind: none}"


def test_a_head_for_values_has_as_many_outputs_as_there_are_values():
    problem = problem_of(Targets("values", (3,)), head={"kind": "regressor", "outputs": 2})
    assert (problem.path, problem.remedy) == ("head.outputs", "--set head.outputs=3")
    assert problem_of(head={"kind": "regressor", "outputs": 2}).found == "classes"
    problem = problem_of(Targets("values", (3,)), head={"kind": "none"})
    assert problem.remedy == "head: {kind: regressor, outputs: 3}"


def test_independent_labels_need_a_head_for_them():
    assert problem_of(Targets("labels", (10,))).remedy == "--set head.multi_label=true"


def test_one_hot_rows_are_told_from_independent_labels():
    assert problem_of(Targets("labels", (10,), one_hot=True)).remedy.startswith("np.argmax(targets, axis=1)")


def test_labels_from_one_are_told():
    problem = problem_of(Targets(lowest=1), head={"classes": 9})
    assert (problem.message, problem.remedy) == (
        "Labels begin at 1, not at 0.", "subtract 1 from train_targets and test_targets",
    )  # fmt: skip


def test_a_single_class_is_nothing_to_learn():
    spec = Spec.model_validate(document(head={"classes": 1}))
    data = replace(open_data(EmbeddedData(kind="embedded"), spec.input, 0), class_names=("thing",))
    with pytest.raises(KresnetError, match="one class, thing"):
        require_targets(data, spec, make_plan(spec))


def test_a_network_without_head_learns_no_classes():
    problem = problem_of(head={"kind": "none"})
    assert (problem.path, problem.found) == ("head.kind", "classes")
