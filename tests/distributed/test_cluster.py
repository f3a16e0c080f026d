"""What names the workers of a run: `TF_CONFIG` as Kubeflow sets it, SLURM's variables, and their mistakes."""

import json
import os
import re

import pytest

from kresnet.distributed.cluster import (
    Cluster,
    cluster_for_recipe,
    expand_node_list,
    expand_tasks_per_node,
    find_cluster,
    read_cluster,
    require_even_split,
)
from kresnet.errors import KresnetError
from kresnet.spec.loading import load_recipe


def config(cluster: object, kind: object = "worker", index: object = 0) -> dict[str, str]:
    return {"TF_CONFIG": json.dumps({"cluster": cluster, "task": {"type": kind, "index": index}})}


def test_workers_only():
    found = read_cluster(config({"worker": ["a:1", "b:1"]}, index=1))
    assert found == Cluster(("a:1", "b:1"), 1)
    assert not found.chief


@pytest.mark.parametrize("chief", ["chief", "master"])
def test_a_chief_comes_first(chief):
    """As Kubeflow's TFJob lays it out; an index may be a string, and other keys are none of kresnet's business."""
    cluster = {"worker": ["b:1", "c:1"], chief: ["a:1"]}
    assert read_cluster(config(cluster, chief, 0)) == Cluster(("a:1", "b:1", "c:1"), 0)
    text = {"cluster": cluster, "task": {"type": "worker", "index": "1"}, "environment": "cloud"}
    assert read_cluster({"TF_CONFIG": json.dumps(text)}).rank == 2


def test_auto_takes_several_workers_only():
    assert find_cluster({}) is None
    assert find_cluster(config({"worker": ["a:1"]})) is None
    assert find_cluster(config({"worker": ["a:1", "b:1"]})) is not None


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ({}, "TF_CONFIG is not set"),
        ({"TF_CONFIG": '{"cluster": '}, "is no JSON"),
        ({"TF_CONFIG": "[1]"}, "must have `cluster` and `task`"),
        ({"TF_CONFIG": '{"cluster": {"worker": ["a:1"]}}'}, "must have `cluster` and `task`"),
        (config({}), "names no workers"),
        (config({"worker": ["a:1"], "ps": ["b:1"]}), "`ps`, which has no part"),
        (config({"wroker": ["a:1"], "worker": ["b:1"]}), "did you mean: worker"),
        (config({"worker": ["a", "b:1"]}), "not all HOST:PORT"),
        (config({"worker": ["a:0"]}), "not all HOST:PORT"),
        (config({"worker": "a:1"}), "not all HOST:PORT"),
        (config({"worker": [["a:1"]]}), "not all HOST:PORT"),
        (config({"worker": ["a:1", "a:1"]}), "Two workers"),
        (config({"worker": ["c:1"], "chief": ["a:1", "b:1"]}), "more than one chief"),
        (config({"worker": ["a:1"]}, "chief"), "type is no job"),
        (config({"worker": ["a:1"]}, ["worker"]), "type is no job"),
        (config({"worker": ["a:1"]}, "worker", 1), "expected: 0 to 0"),
        (config({"worker": ["a:1"]}, "worker", -1), "index is none of"),
        (config({"worker": ["a:1"]}, "worker", True), "index is none of"),
        (config({"worker": ["a:1"]}, "worker", None), "index is none of"),
    ],
)
def test_what_is_wrong_is_told(environment, words):
    with pytest.raises(KresnetError) as caught:
        read_cluster(environment)
    assert words in str(caught.value)
    assert {problem.code for problem in caught.value.problems} == {"environment"}


def test_all_that_is_wrong_is_told_at_once():
    with pytest.raises(KresnetError) as caught:
        read_cluster(config({"ps": ["p:1"], "worker": ["a:1", "a:1"]}, "worker", 7))
    assert len(caught.value.problems) == 3


STEP = {
    "SLURM_STEP_NODELIST": "n[09-10],gpu3",
    "SLURM_STEP_TASKS_PER_NODE": "2(x2),1",
    "SLURM_STEP_NUM_TASKS": "5",
    "SLURM_PROCID": "3",
    "SLURM_JOB_ID": "7",
    "SLURMD_NODENAME": "n10",
}


def test_slurm_names_tasks_node_after_node():
    addresses = ("n09:10007", "n09:10008", "n10:10007", "n10:10008", "gpu3:10007")
    assert read_cluster(STEP) == find_cluster(STEP) == Cluster(addresses, 3)


def test_tf_config_goes_before_slurm():
    assert read_cluster(STEP | config({"worker": ["a:1", "b:1"]})).addresses == ("a:1", "b:1")


def test_one_task_of_a_slurm_job_is_alone():
    assert find_cluster(STEP | {"SLURM_STEP_NUM_TASKS": "1"}) is None


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"SLURM_PROCID": "5"}, "do not describe"),
        ({"SLURM_STEP_TASKS_PER_NODE": "two"}, "do not describe"),
        ({"SLURM_STEP_TASKS_PER_NODE": "2"}, "do not describe"),
        ({"SLURM_JOB_ID": ""}, "do not describe"),
        ({"SLURMD_NODENAME": "n09"}, "srun -m block"),
    ],
)
def test_slurm_variables_that_do_not_fit_are_told(changed, words):
    with pytest.raises(KresnetError, match=words):
        read_cluster(STEP | changed)


@pytest.mark.parametrize("nodes", ["n1", "n[1-3]", "n[08-11],m5", "a[1,3-4],b-[01-02]", "x.y.z,q[7]"])
@pytest.mark.parametrize("shares", ["1", "3(x2),2,1"])
def test_slurm_lists_are_expanded_as_tensorflow_does(nodes, shares):
    """TensorFlow's own resolver then sorts the nodes by name, n10 before n9, which is not how SLURM numbers tasks."""
    from tensorflow.python.distribute.cluster_resolver import slurm_cluster_resolver as theirs

    assert list(expand_node_list(nodes)) == theirs.expand_hostlist(nodes)
    assert list(expand_tasks_per_node(shares)) == theirs.expand_tasks_per_node(shares)


def test_the_environment_is_read_by_default(monkeypatch):
    monkeypatch.setitem(os.environ, "TF_CONFIG", config({"worker": ["a:1", "b:1"]})["TF_CONFIG"])
    assert read_cluster().addresses == ("a:1", "b:1")


def test_a_recipe_says_whether_the_workers_train_together(monkeypatch):
    monkeypatch.setitem(os.environ, "TF_CONFIG", config({"worker": ["a:1", "b:1"]}, index=1)["TF_CONFIG"])
    for distribution, rank in (("auto", 1), ("multi_worker", 1), ("mirrored", None), ("one_device", None)):
        found = cluster_for_recipe(load_recipe("quickstart", [f"distribution={distribution}"]).value)
        assert (found.rank if found else None) == rank


def test_a_batch_that_the_workers_cannot_share_is_refused():
    require_even_split(66, 3, "workers")
    with pytest.raises(KresnetError, match="3 workers cannot share batches of 64") as caught:
        require_even_split(64, 3, "workers")
    assert caught.value.problems[0].remedy == "--set recipe.batch_size=66"


def test_whom_a_worker_waits_for_is_said_with_what_named_them():
    said = read_cluster(STEP).waiting_sentence(300)
    assert said.startswith("Worker 3 (n10:10008) of 5 waits up to 300 s for worker 0 (n09:10007), worker 1 (n09:10008)")
    assert "worker 3" not in said
    assert "as SLURM's variables SLURM_STEP_NODELIST, SLURM_STEP_TASKS_PER_NODE" in said
    assert "--set recipe.distribution=one_device" in said
    assert "as TF_CONFIG says" in read_cluster(config({"worker": ["a:1", "b:1"]})).waiting_sentence(5)
    many = read_cluster(config({"worker": [f"a:{port}" for port in range(1, 31)]})).waiting_sentence(5)
    assert "worker 10 (a:11) and 19 more, as" in many


def test_what_lets_a_process_train_alone_does(monkeypatch):
    """Both remedies: for a new run, and for one that is resumed."""
    remedy = read_cluster(STEP).remedy_alone
    assert remedy.endswith("unset SLURM_STEP_NODELIST")
    assert find_cluster({name: value for name, value in STEP.items() if name != "SLURM_STEP_NODELIST"}) is None
    monkeypatch.setattr(os, "environ", STEP)
    setting = re.search(r"--set recipe\.(\S+);", remedy)[1]
    assert cluster_for_recipe(load_recipe("quickstart", [setting]).value) is None
