"""What the chief tells the other workers to train, and what keeps a worker from following it."""

import pytest

from kresnet.distributed import context
from kresnet.distributed.context import SharedConfig, receive_shared_config
from kresnet.distributed.workers import Workers
from kresnet.errors import KresnetError
from kresnet.plan.convolutions import KernelChoice
from kresnet.spec.loading import load_recipe, load_spec

SPEC, RECIPE = load_spec("quickstart").value, load_recipe("quickstart").value
KERNELS = {"stage1.block1.conv1": KernelChoice(by_weights="products")}
SHARED = SharedConfig("runs/one", SPEC, RECIPE, None, "abc", KERNELS)


class Follower(Workers):
    """A worker whose chief has shared a configuration."""

    rank, count = 1, 2

    def __init__(self, shared: dict) -> None:
        self.shared = shared

    def all_gather(self, value):
        return [self.shared, value]


def test_a_worker_that_was_told_nothing_takes_over_what_the_chief_trains():
    assert receive_shared_config(Follower(SHARED.as_dict()), None) == SHARED


def test_a_worker_may_have_its_data_elsewhere():
    own = RECIPE.model_copy(update={"data": load_recipe("cifar_fast").value.data})
    received = receive_shared_config(Follower(SHARED.as_dict()), (SPEC, own))
    assert received.recipe == own
    assert received.spec == SPEC


@pytest.mark.parametrize("name", ["spec", "recipe"])
def test_a_worker_that_was_started_with_something_else_is_refused(name):
    own = {"spec": SPEC, "recipe": RECIPE}
    own[name] = own[name].model_copy(update={"name": "another"})
    with pytest.raises(KresnetError, match=f"with another {name} than the chief"):
        receive_shared_config(Follower(SHARED.as_dict()), (own["spec"], own["recipe"]))


def test_other_versions_are_refused_by_name(monkeypatch):
    shared = SHARED.as_dict()
    monkeypatch.setattr(context, "package_versions", lambda: shared["versions"] | {"keras": "1.0"})
    with pytest.raises(KresnetError, match=r"different versions: keras \S+, here 1\.0\."):
        receive_shared_config(Follower(shared), None)


def test_other_data_are_refused():
    SHARED.require_data("abc")
    with pytest.raises(KresnetError, match="data_mismatch"):
        SHARED.require_data("abd")
