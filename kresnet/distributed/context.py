"""Bring a run's workers together: one strategy over all, and what the chief tells the others to train.

They need neither the run's directory nor its command.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import tensorflow as tf

from kresnet.distributed.cluster import Cluster, require_even_split
from kresnet.distributed.devices import choose_deterministic_kernels, make_strategy
from kresnet.distributed.environment import versions
from kresnet.distributed.precision import Precision, resolve_precision
from kresnet.distributed.rendezvous import rendezvous
from kresnet.distributed.workers import Workers
from kresnet.errors import make_error
from kresnet.spec.architecture import Spec
from kresnet.spec.recipe import Recipe


@dataclass(frozen=True, slots=True)
class DistributedContext:
    """Workers that are ready to train.

    Attributes:
        workers: all of a run.
        strategy: of `tf.distribute`, over all their devices.
        auto_precision: what `precision: auto` means for them.
    """

    workers: Workers
    strategy: Any
    auto_precision: Precision

    def precision(self, recipe: Recipe) -> Precision:
        """Of activations and products."""
        return self.auto_precision if recipe.precision == "auto" else Precision(recipe.precision)


@contextlib.contextmanager
def connect(cluster: Cluster | None, recipe: Recipe | None) -> Iterator[DistributedContext]:
    """The workers, met, and the strategy that all share; within, an error of one ends all.

    Args:
        cluster: all workers; None for a single process.
        recipe: what this worker was told to train by, if it was.

    Raises:
        KresnetError: `environment`; `contradiction` for a batch that the replicas cannot share; `peer_lost`.
    """
    if cluster and recipe:
        require_even_split(recipe.batch_size, len(cluster.addresses), "workers")
    workers = rendezvous(cluster) if cluster else Workers()
    with workers.fail_together():
        if recipe:
            choose_deterministic_kernels(recipe)
        gpus = workers.all_gather(len(tf.config.list_physical_devices("GPU")))
        if len(set(gpus)) > 1:
            raise make_error(
                "environment",
                "The workers differ in their GPUs.",
                expected="the same number for each",
                found=", ".join(map(str, gpus)),
                remedy="CUDA_VISIBLE_DEVICES",
            )
        strategy = make_strategy(recipe.distribution if recipe else "multi_worker", cluster)
        if recipe:
            replicas = strategy.num_replicas_in_sync
            require_even_split(recipe.batch_size, replicas, "replicas")
            require_even_split(
                recipe.batch_size, replicas * recipe.accumulate_steps, "parts (replicas x accumulate_steps)"
            )
        here = resolve_precision("auto")
        alike = len(set(workers.all_gather(here.name))) == 1
        yield DistributedContext(workers, strategy, here if alike else Precision("float32", "auto: the workers differ"))


@dataclass(frozen=True, slots=True)
class SharedConfig:
    """What is trained.

    Attributes:
        directory: of the run; the chief's, whose paths mean nothing elsewhere.
        spec, recipe: resolved.
        transfer: what the run started from, if from another's weights.
        fingerprint: of the data.
    """

    directory: str
    spec: Spec
    recipe: Recipe
    transfer: Mapping[str, Any] | None
    fingerprint: str

    def as_dict(self) -> dict[str, Any]:
        """For the other workers, with the versions of what computes."""
        return {
            "directory": self.directory,
            "spec": self.spec.document(),
            "recipe": self.recipe.document(),
            "transfer": self.transfer,
            "fingerprint": self.fingerprint,
            "versions": versions(),
        }

    def require_data(self, fingerprint: str) -> None:
        """Make sure that this worker reads the chief's data.

        Raises:
            KresnetError: `data_mismatch`.
        """
        if fingerprint != self.fingerprint:
            raise make_error(
                "data_mismatch",
                "The data on this machine are not those on the chief's.",
                path="recipe.data",
                remedy="give every worker the same files",
            )


def receive_shared_config(workers: Workers, own: tuple[Spec, Recipe] | None) -> SharedConfig:
    """The chief's terms, for another worker.

    Args:
        workers: all; the chief shares its terms at the same time.
        own: what this worker was told to train. Its data may lie elsewhere; all else must be the chief's.

    Raises:
        KresnetError: `environment`, if the workers were told different things or run different versions.
    """
    told = workers.all_gather(None)[0]
    spec, recipe = Spec.model_validate(told["spec"]), Recipe.model_validate(told["recipe"])
    pairs = [(name, told["versions"].get(name), here) for name, here in versions().items()]
    if differing := [f"{name} {theirs}, here {here}" for name, theirs, here in pairs if theirs != here]:
        raise make_error(
            "environment",
            f"The workers run different versions: {'; '.join(differing)}.",
            remedy="install the same versions everywhere",
        )
    if own:
        recipe = recipe.model_copy(update={"data": own[1].data})
        for name, mine, theirs in (("spec", own[0], spec), ("recipe", own[1], recipe)):
            if mine != theirs:
                raise make_error(
                    "environment",
                    f"This worker was started with another {name} than the chief.",
                    remedy="start all workers with the same command",
                )
    return SharedConfig(told["directory"], spec, recipe, told["transfer"], told["fingerprint"])
