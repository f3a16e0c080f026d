"""The largest batch, by the estimate and by what was tried."""

from __future__ import annotations

import pytest

from kresnet.errors import KresnetError
from kresnet.plan import make_plan
from kresnet.plan.memory_estimate import estimate_recipe_memory
from kresnet.spec.loading import load_recipe, load_spec
from kresnet.training.batch_size import SHARE, choose_batch_size

PLAN = make_plan(load_spec("cifar_resnet20").value)
RECIPE = load_recipe("cifar_fast", ["batch_size=auto"]).value
MEBIBYTE = 1 << 20


def chosen(images=50_000, fits=lambda size: True, recipe=RECIPE, **settings):
    return choose_batch_size(PLAN, recipe, images, fits, **({"memory": None} | settings))


@pytest.mark.parametrize("replicas", [1, 2, 3])
@pytest.mark.parametrize("parts", [1, 4])
@pytest.mark.parametrize("memory", [64, 300, 1000])
def test_it_is_the_largest_that_the_estimate_allows(memory, parts, replicas):
    """One more multiple of eight images a device would be more than memory allows."""
    recipe = RECIPE.model_copy(update={"accumulate_steps": parts})
    found = chosen(10**9, recipe=recipe, memory=memory * MEBIBYTE, replicas=replicas)

    def total(size):
        sized = recipe.model_copy(update={"batch_size": size})
        return estimate_recipe_memory(PLAN, sized, replicas=replicas).total

    assert total(found.size) == found.estimate.total <= SHARE * memory * MEBIBYTE
    multiple = replicas * parts * (8 if found.size >= 8 * replicas * parts else 1)
    assert found.size % multiple == 0
    assert total(found.size + multiple) > SHARE * memory * MEBIBYTE
    assert f"auto: what fits into {memory if memory < 1000 else 1000} MiB" in str(found)


def test_an_epoch_keeps_sixteen_steps():
    found = chosen(50_000, memory=1 << 50)
    assert (found.size, 50_000 // found.size) == (3120, 16)
    assert chosen(50_000).size == 3120
    assert chosen(20).size == 1


def test_what_does_not_fit_is_tried_smaller_down_to_one_image_a_device():
    tried = []
    found = chosen(fits=lambda size: tried.append(size) or size < 1000)
    assert (tried, found.size) == ([3120, 2336, 1752, 1312, 984], 984)
    with pytest.raises(KresnetError) as caught:
        chosen(fits=lambda size: False, replicas=2)
    assert (caught.value.problems[0].code, caught.value.problems[0].path) == ("too_large", "recipe.batch_size")


def test_a_teacher_takes_its_share():
    teacher = make_plan(load_spec("cifar_resnet110").value)
    alone, taught = (chosen(10**9, memory=100 * MEBIBYTE, teacher=each) for each in (None, teacher))
    assert taught.size < alone.size
