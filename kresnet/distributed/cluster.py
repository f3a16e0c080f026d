"""The cluster of a run: its workers' addresses and this process's rank, from `TF_CONFIG` or SLURM's variables."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from kresnet.errors import KresnetError, Problem, make_error, nearest
from kresnet.spec.recipe import Recipe

#: Jobs of `TF_CONFIG` that train, the first worker first. `master` is TFJob's old name of the chief.
ROLES = ("chief", "master", "worker")

EXAMPLE = '{"cluster": {"worker": ["host0:2222", "host1:2222"]}, "task": {"type": "worker", "index": 0}}'

#: A SLURM job's workers listen on one of these ports and those after it, chosen by the job's number.
FIRST_PORT, PORTS = 10_000, 20_000

#: The variables of a SLURM job step that name its workers; without the first of them there is no job step.
SLURM_VARIABLES = ("SLURM_STEP_NODELIST", "SLURM_STEP_TASKS_PER_NODE", "SLURM_PROCID", "SLURM_JOB_ID")

#: Workers that a message names one by one.
MAX_NAMED_WORKERS = 10


@dataclass(frozen=True, slots=True)
class Cluster:
    """The workers of a run.

    Attributes:
        addresses: `host:port` of each worker, in order of rank; the chief has rank 0.
        rank: rank of this process.
        variables: the environment variables that said so.
    """

    addresses: tuple[str, ...]
    rank: int
    variables: tuple[str, ...] = field(default=("TF_CONFIG",), compare=False)

    @property
    def chief(self) -> bool:
        """Whether this process is the chief, which alone writes the run."""
        return self.rank == 0

    def worker_name(self, rank: int) -> str:
        """Return the worker's name for messages: `worker 1 (host1:2222)`."""
        return f"worker {rank} ({self.addresses[rank]})"

    @property
    def origin(self) -> str:
        """What named the workers, for messages: `TF_CONFIG`, or SLURM's variables by name."""
        slurm = "SLURM's variables " if self.variables == SLURM_VARIABLES else ""
        return slurm + ", ".join(self.variables)

    @property
    def remedy_alone(self) -> str:
        """How this process is told to train without the other workers."""
        option = "--set recipe.distribution=one_device"
        return f"to train in this process alone: {option}; for a run that is resumed: unset {self.variables[0]}"

    def waiting_sentence(self, seconds: float) -> str:
        """Return a sentence that says which workers this one waits for, and what named them."""
        others = [self.worker_name(rank) for rank in range(len(self.addresses)) if rank != self.rank]
        named = ", ".join(others[:MAX_NAMED_WORKERS])
        more = f" and {len(others) - MAX_NAMED_WORKERS} more" if len(others) > MAX_NAMED_WORKERS else ""
        return (
            f"W{self.worker_name(self.rank)[1:]} of {len(self.addresses)} waits up to {seconds:g} s for {named}{more}, "
            f"as {self.origin} say{'s' * (len(self.variables) == 1)}; {self.remedy_alone}."
        )


def cluster_for_recipe(recipe: Recipe) -> Cluster | None:
    """Return the cluster that a recipe is trained on; None for a single process.

    Raises:
        KresnetError: `environment`, when TF_CONFIG or SLURM's variables do not describe it properly.
    """
    if recipe.distribution not in ("auto", "multi_worker"):
        return None
    return find_cluster() if recipe.distribution == "auto" else read_cluster()


def require_even_split(batch_size: int, count: int, receivers: str) -> None:
    """Make sure that a batch can be split evenly.

    Args:
        batch_size: images in the global batch.
        count: number of replicas or workers that get a part each.
        receivers: what they are, for the message: `replicas`, `workers`.

    Raises:
        KresnetError: `contradiction`.
    """
    if batch_size % count:
        message = f"{count} {receivers} cannot share batches of {batch_size}."
        remedy = f"--set recipe.batch_size={-(-batch_size // count) * count}"
        raise make_error("contradiction", message, path="batch_size", remedy=remedy)


def find_cluster(environment: Mapping[str, str] = os.environ) -> Cluster | None:
    """Return the cluster that the environment describes; None where it describes no more than one worker.

    Raises:
        KresnetError: `environment`, as `read_cluster`.
    """
    alone = environment.get("SLURM_STEP_NUM_TASKS", "1") == "1"
    if not environment.get("TF_CONFIG", "").strip() and (alone or "SLURM_STEP_NODELIST" not in environment):
        return None
    cluster = read_cluster(environment)
    return cluster if len(cluster.addresses) > 1 else None


def read_cluster(environment: Mapping[str, str] = os.environ) -> Cluster:
    """Return the cluster that `TF_CONFIG` describes, as Kubeflow's TFJob sets it, else the SLURM job step's.

    Raises:
        KresnetError: `environment`, with every problem of `TF_CONFIG`.
    """
    if text := environment.get("TF_CONFIG", "").strip():
        return _from_tf_config(text)
    if "SLURM_STEP_NODELIST" in environment:
        return _from_slurm(environment)
    raise make_error(
        "environment",
        "`distribution: multi_worker` needs to know its workers: TF_CONFIG is not set, and this is no SLURM job step.",
        expected=f"TF_CONFIG={EXAMPLE}",
        remedy="set TF_CONFIG, start with srun, or --set recipe.distribution=auto",
    )


def _from_tf_config(text: str) -> Cluster:
    try:
        config = json.loads(text)
    except ValueError as error:
        raise _tf_config_error(f"TF_CONFIG is no JSON: {error}.", found=text[:80]) from None
    problems = list(_tf_config_problems(config))
    if problems:
        raise KresnetError(problems)
    cluster, task = config["cluster"], config["task"]
    ranks = [(role, index) for role in ROLES for index in range(len(cluster.get(role, [])))]
    addresses = tuple(cluster[role][index] for role, index in ranks)
    return Cluster(addresses, ranks.index((task["type"], int(task["index"]))))


def _tf_config_problems(config: Any) -> Iterator[Problem]:
    """Yield what is wrong with a parsed `TF_CONFIG`."""
    cluster, task = (config.get(key) if isinstance(config, dict) else None for key in ("cluster", "task"))
    if not isinstance(cluster, dict) or not isinstance(task, dict):
        yield _make_problem("TF_CONFIG must have `cluster` and `task`, both objects.")
        return
    for role, addresses in cluster.items():
        if role not in ROLES:
            yield _make_problem(
                f"TF_CONFIG names a job `{role}`, which has no part in synchronous training.",
                expected=" or ".join(ROLES),
                found=role,
                nearest=nearest(role, ROLES),
            )
        elif not isinstance(addresses, list) or not all(map(_is_address, addresses)):
            yield _make_problem(
                f"The addresses of job `{role}` are not all HOST:PORT.", found=json.dumps(addresses)[:200]
            )
    known = {role: cluster[role] for role in ROLES if isinstance(cluster.get(role), list)}
    everyone = [address for addresses in known.values() for address in addresses]
    if not everyone:
        yield _make_problem("TF_CONFIG names no workers.")
    if twice := sorted({str(address) for address in everyone if everyone.count(address) > 1}):
        yield _make_problem("Two workers of TF_CONFIG have one address.", found=", ".join(twice))
    if len(known.get("chief", [])) + len(known.get("master", [])) > 1:
        yield _make_problem("TF_CONFIG names more than one chief.")
    kind, index = task.get("type"), json.dumps(task.get("index")).strip('"')
    if not isinstance(kind, str) or kind not in known:
        yield _make_problem("The task's type is no job of the cluster.", expected=" or ".join(known), found=repr(kind))
        return
    count = len(known[kind])
    if not index.isdecimal() or int(index) >= count:
        yield _make_problem(
            f"The task's index is none of the cluster's `{kind}` tasks.",
            expected=f"0 to {count - 1}",
            found=index,
        )


def _is_address(value: Any) -> bool:
    host, separator, port = str(value).rpartition(":")
    return isinstance(value, str) and bool(host and separator) and port.isdigit() and 0 < int(port) < 65536


def _make_problem(message: str, expected: str = EXAMPLE, **details: Any) -> Problem:
    return Problem("environment", message, expected=expected, **details)


def _tf_config_error(message: str, **details: str) -> KresnetError:
    return KresnetError(_make_problem(message, **details))


def _from_slurm(environment: Mapping[str, str]) -> Cluster:
    """Return the cluster of a job step in SLURM's block distribution, its default: tasks are numbered node by node."""
    try:
        nodes = list(expand_node_list(environment["SLURM_STEP_NODELIST"]))
        task_counts = list(expand_tasks_per_node(environment["SLURM_STEP_TASKS_PER_NODE"]))
        rank = int(environment["SLURM_PROCID"])
        first = FIRST_PORT + int(environment["SLURM_JOB_ID"]) % PORTS
        pairs = zip(nodes, task_counts, strict=True)
        places = [(node, place) for node, count in pairs for place in range(count)]
        here = environment.get("SLURMD_NODENAME", places[rank][0])
    except (KeyError, ValueError, IndexError) as error:
        message = f"SLURM's variables do not describe this job step ({type(error).__name__}: {error})."
        raise make_error(
            "environment",
            message,
            expected=f"{', '.join(SLURM_VARIABLES)}, as srun sets them",
            remedy="start with srun, or set TF_CONFIG",
        ) from None
    if places[rank][0] != here:
        message = f"Task {rank} should run on {places[rank][0]} and runs on {here}."
        raise make_error("environment", message, expected="tasks numbered node after node", remedy="srun -m block")
    return Cluster(tuple(f"{node}:{first + place}" for node, place in places), rank, SLURM_VARIABLES)


def expand_node_list(text: str) -> Iterator[str]:
    """Yield the names in a SLURM node list, in its order: `n[1-2,07],m` gives n1, n2, n07, m."""
    for prefix, ranges, suffix in re.findall(r"([^,\[\]]+)(?:\[([^\]]*)\])?([^,\[\]]*)", text):
        for part in ranges.split(","):
            low, _, high = part.partition("-")
            numbers = range(int(low), int(high or low) + 1) if part else [None]
            for number in numbers:
                yield prefix + ("" if number is None else f"{number:0{len(low)}}") + suffix


def expand_tasks_per_node(text: str) -> Iterator[int]:
    """Yield the number of tasks on each node of a SLURM job step: `2(x3),1` gives 2, 2, 2, 1."""
    for part in text.split(","):
        match = re.fullmatch(r"(\d+)(?:\(x(\d+)\))?", part)
        if not match:
            raise ValueError(f"{part!r} is no number of tasks")
        yield from [int(match[1])] * int(match[2] or 1)
