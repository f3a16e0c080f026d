"""The memory estimate, by hand for a small network, and by its refusals."""

from __future__ import annotations

import pytest
from hypothesis import given

from kresnet.errors import KresnetError
from kresnet.plan import Plan, plan_loaded
from kresnet.plan.memory_estimate import (
    MemoryEstimate,
    activations_by_record,
    available_memory,
    bytes_text,
    estimate_memory,
    estimate_recipe_memory,
    require_memory,
    slots_per_weight,
)
from kresnet.spec.architecture import Spec
from kresnet.spec.loading import load_recipe, load_spec
from kresnet.spec.recipe import AdamW, Sgd
from tests.strategies import examples, specs


def plan_of(name: str, *overrides: str) -> Plan:
    return plan_loaded(load_spec(name, overrides))


def test_a_dense_block_by_hand() -> None:
    """16 → 64, sigmoid, → 16: kept are the two inputs, 16 and 64 numbers; the sigmoid's output is the second."""
    plan = plan_of("residual_mlp")
    parameters = 16 * 64 + 64 + 64 * 16 + 16
    found = estimate_memory(plan, 10, optimizer_slots=2)
    assert found.weights == found.gradients == 4 * parameters
    assert found.optimizer == 2 * 4 * parameters
    assert found.activations == 10 * 4 * (16 + 64)
    assert found.working == 3 * 10 * 4 * 64
    assert found.total == sum((found.weights, found.gradients, found.optimizer, found.activations, found.working))


@pytest.mark.parametrize(("function", "extra"), [("relu", 0), ("tanh", 0), ("gelu", 64)])
def test_an_activation_keeps_one_tensor_of_its_size(function: str, extra: int) -> None:
    """Relu's output is also the next layer's input; gelu keeps its own input beside that."""
    kept = estimate_memory(plan_of("residual_mlp", f"block.activation={function}"), 1).activations
    assert kept == 4 * (16 + 64 + extra)


@given(specs())
@examples(20)
def test_estimates_grow_with_the_batch_and_shrink_with_precision(found: tuple[Spec, Plan]) -> None:
    _, plan = found
    one, two = estimate_memory(plan, 1), estimate_memory(plan, 2)
    assert two.activations == 2 * one.activations
    assert two.working == 2 * one.working
    assert (two.weights, two.gradients, two.optimizer) == (one.weights, one.gradients, one.optimizer)
    half = estimate_memory(plan, 2, precision="bfloat16")
    assert one.activations <= half.activations <= two.activations  # the masks of dropout stay bytes
    assert estimate_memory(plan, 2, training=False).total <= two.total


@given(specs())
@examples(8)
def test_what_records_keep_adds_up_to_the_activations(found: tuple[Spec, Plan]) -> None:
    for precision in ("float32", "bfloat16"):
        total = estimate_memory(found[1], 3, precision=precision).activations
        assert 3 * sum(activations_by_record(found[1], precision=precision).values()) == total


def test_dropout_keeps_a_mask() -> None:
    dry, wet = (estimate_memory(plan_of("wrn_16_4", f"block.dropout={rate}"), 1) for rate in (0.0, 0.5))
    masks = 2 * (32 * 32 * 64 + 16 * 16 * 128 + 8 * 8 * 256)  # before the second convolution of six blocks, a byte each
    outputs = 4 * masks  # what leaves the dropout is the convolution's input, beside what the relu keeps
    assert wet.activations - dry.activations == masks + outputs


def test_a_recipe_tells_batch_precision_and_slots() -> None:
    plan, recipe = plan_of("quickstart"), load_recipe("quickstart", ["batch_size=64"]).value
    assert estimate_recipe_memory(plan, recipe) == estimate_memory(plan, 64, optimizer_slots=1)
    assert estimate_recipe_memory(plan, recipe, replicas=4) == estimate_memory(plan, 16, optimizer_slots=1)
    assert slots_per_weight(AdamW(kind="adamw")) == 2
    assert slots_per_weight(Sgd(kind="sgd", momentum=0.0)) == 0


def test_parts_need_the_activations_of_one_and_the_gradients_twice() -> None:
    plan, recipe = plan_of("quickstart"), load_recipe("quickstart", ["batch_size=64", "accumulate_steps=4"]).value
    whole, parts = estimate_memory(plan, 64), estimate_recipe_memory(plan, recipe)
    assert (parts.batch_size, parts.accumulate_steps) == (16, 4)
    assert (parts.activations, parts.working) == (whole.activations // 4, whole.working // 4)
    assert parts.gradients == 2 * whole.gradients


def test_a_rematerialised_stage_by_hand() -> None:
    """Plain basic blocks keep, each: the input, what either convolution hands its norm, and one relu's output."""
    settings = ["stages=[{blocks: 2, width: 16}]", "block.shortcut=projection"]
    plan = plan_of("cifar_resnet20", *settings)
    map_bytes = 4 * 32 * 32 * 16
    plain, again = (estimate_memory(plan, 1, rematerialize=stages).activations for stages in ((), (1,)))
    assert plain - again == 3 * map_bytes  # of one of two alike blocks, for the other is being computed again
    assert estimate_memory(plan, 1, rematerialize=(1,)).total < estimate_memory(plan, 1).total


def test_where_parts_would_fit_they_are_a_remedy() -> None:
    found = estimate_memory(plan_of("resnet152"), 256)
    with pytest.raises(KresnetError) as caught:
        require_memory(found, 16 << 30)
    remedy = caught.value.problems[0].remedy
    parts = int(remedy.split("accumulate_steps=")[1].split(",")[0])
    require_memory(estimate_memory(plan_of("resnet152"), 256 // parts, accumulate_steps=parts), 16 << 30)
    with pytest.raises(KresnetError):
        require_memory(
            estimate_memory(plan_of("resnet152"), 256 // (parts // 2), accumulate_steps=parts // 2), 16 << 30
        )


def test_what_does_not_fit_is_refused_with_figures_and_remedy() -> None:
    found = estimate_memory(plan_of("resnet152"), 4096)
    with pytest.raises(KresnetError) as caught:
        require_memory(found, 16 << 30)
    (problem,) = caught.value.problems
    assert (problem.code, caught.value.status) == ("too_large", 2)
    assert "batch of 4096" in problem.message
    assert "activations" in problem.found
    assert "--force" in problem.remedy
    fitting = int(problem.remedy.split("batch_size=")[1].split(",")[0])
    require_memory(estimate_memory(plan_of("resnet152"), fitting), 16 << 30)
    with pytest.raises(KresnetError):
        require_memory(estimate_memory(plan_of("resnet152"), fitting + 1), 16 << 30)


def test_a_network_that_fits_with_no_batch_needs_to_be_smaller() -> None:
    with pytest.raises(KresnetError, match="a smaller network"):
        require_memory(estimate_memory(plan_of("resnet152"), 1), 1 << 20)


def test_what_fits_or_cannot_be_known_passes() -> None:
    found = MemoryEstimate(1, 10, 10, 10, 10, 10)
    require_memory(found, 50)
    require_memory(found, None)
    with pytest.raises(KresnetError):
        require_memory(found, 49)


def test_this_machine_has_memory() -> None:
    available = available_memory()
    assert available is None or 1 << 20 < available < 1 << 50


@pytest.mark.parametrize(
    ("number", "text"), [(12, "12 B"), (1536, "1.5 KiB"), (1023 << 20, "1023 MiB"), (3 << 30, "3 GiB")]
)
def test_sizes_have_binary_units(number: int, text: str) -> None:
    assert bytes_text(number) == text
