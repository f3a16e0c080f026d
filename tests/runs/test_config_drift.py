import copy

import pytest

from kresnet.runs.config_drift import changed_run_error, config_changes
from kresnet.spec.loading import load_recipe, load_spec

ORIGIN = {
    "spec": {"name": "tiny", "stages": [{"width": 8}, {"width": 16}]},
    "recipe": {
        "name": "short",
        "deterministic": True,
        "optimizer": {"kind": "sgd", "learning_rate": 0.1},
        "checkpoints": {"save_every_steps": 7},
        "data": {"kind": "folder", "path": "/here"},
    },
    "data": {"fingerprint": "abc", "train_images": 100},
    "environment": {
        "versions": {"tensorflow": "2.21.0"},
        "training": {"replicas": 1},
        "kernels": {"intra_op_threads": 2},
        "platform": "Linux",
    },
}


def changed(path: str, value: object) -> dict:
    present = copy.deepcopy(ORIGIN)
    *folders, name = path.split(".")
    place = present
    for folder in folders:
        place = place[int(folder)] if isinstance(place, list) else place[folder]
    place[name] = value
    return present


def test_the_same_again_is_no_change():
    assert config_changes(ORIGIN, copy.deepcopy(ORIGIN)) == []


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("spec.stages.1.width", 24),
        ("spec.head", {"classes": 3}),
        ("recipe.optimizer.learning_rate", 0.2),
        ("recipe.optimizer.momentum", 0.9),
        ("recipe.deterministic", False),
        ("data.fingerprint", "abd"),
        ("environment.versions.tensorflow", "2.22.0"),
        ("environment.training.replicas", 2),
        ("environment.kernels.intra_op_threads", 4),
    ],
)
def test_what_changes_the_result_is_named_with_both_values(path, value):
    found = config_changes(ORIGIN, changed(path, value))
    assert [change.path for change in found] == [path]
    problem = changed_run_error(found, "RUN").problems[0]
    assert problem.code == "run_changed"
    assert problem.path == found[0].path
    assert problem.found == str(value)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("spec.name", "other"),
        ("recipe.source", "a book"),
        ("recipe.checkpoints.save_every_steps", 100),
        ("recipe.data.path", "/there"),
        ("environment.platform", "Linux, newer"),
    ],
)
def test_what_changes_no_result_is_free(path, value):
    assert config_changes(ORIGIN, changed(path, value)) == []


def test_the_last_bits_matter_to_a_deterministic_run_only():
    origin = copy.deepcopy(ORIGIN)
    origin["recipe"]["deterministic"] = False
    present = changed("environment.kernels.intra_op_threads", 4)
    present["recipe"]["deterministic"] = False
    assert config_changes(origin, present) == []


def test_what_runs_of_earlier_versions_do_not_say_of_their_processor_is_not_compared():
    present = changed("environment.kernels.processor_units", "avx avx2")
    assert config_changes(ORIGIN, present) == []
    [change] = config_changes(changed("environment.kernels.processor_units", "avx"), present)
    assert (change.path, change.before) == ("environment.kernels.processor_units", "avx")


def test_settings_by_their_earlier_names_are_no_change():
    spec = load_spec("quickstart", {"block.attention": {"kind": "squeeze_excite", "reduction": 4}}).value
    was, now = spec.document(), spec.document()
    attention = was["block"].pop("attention")
    was["block"]["squeeze_excite"] = {name: attention[name] for name in ("reduction", "activation", "gate")}
    assert not config_changes({"spec": was, "recipe": {}}, {"spec": now})
    now["block"]["attention"]["reduction"] = 8
    [change] = config_changes({"spec": was, "recipe": {}}, {"spec": now})
    assert change.path == "spec.block.attention.reduction"


def test_a_setting_that_came_later_is_a_change_only_with_another_value_than_its_default():
    now = load_recipe("quickstart").value.document()
    was = {name: value for name, value in now.items() if name not in ("float32_products", "layer_decay")}
    assert not config_changes({"spec": {}, "recipe": was}, {"recipe": now})
    [change] = config_changes({"spec": {}, "recipe": was}, {"recipe": now | {"layer_decay": 0.9}})
    assert (change.path, change.before, change.now) == ("recipe.layer_decay", 1.0, 0.9)
