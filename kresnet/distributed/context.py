"""The distributed context of a run: its workers, one strategy over all their devices, and the chief's configuration.

Workers other than the chief receive that configuration, and need neither the run's directory nor its command.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import tensorflow as tf

from kresnet.distributed.cluster import Cluster, require_even_split
from kresnet.distributed.devices import choose_kernels, make_strategy
from kresnet.distributed.environment import package_versions
from kresnet.distributed.precision import Precision, resolve_precision
from kresnet.distributed.rendezvous import rendezvous
from kresnet.distributed.workers import Workers
from kresnet.errors import make_error
from kresnet.plan.convolutions import KernelChoice, kernels_as_dict, kernels_from_dict
from kresnet.spec.architecture import Spec
from kresnet.spec.recipe import Recipe


@dataclass(frozen=True, slots=True)
class DistributedContext:
    """The workers of a run, ready to train.

    Attributes:
        workers: the workers, connected.
        strategy: the `tf.distribute` strategy over all their devices.
        auto_precision: what `precision: auto` means on these devices.
    """

    workers: Workers
    strategy: Any
    auto_precision: Precision

    def precision(self, recipe: Recipe) -> Precision:
        """Return the type of activations and products that a recipe asks for."""
        return self.auto_precision if recipe.precision == "auto" else Precision(recipe.precision)


@contextlib.contextmanager
def connect(
    cluster: Cluster | None, recipe: Recipe | None, log: Callable[[str], None] = lambda _: None
) -> Iterator[DistributedContext]:
    """Connect the workers and make the strategy that all share; within the block, an error of one worker ends all.

    Args:
        cluster: the addresses of all workers; None for a single process.
        recipe: the recipe that this worker was started with; None if it receives one from the chief.
        log: called with what a user should know meanwhile: who is waited for.

    Raises:
        KresnetError: `environment`; `contradiction` for a batch that the replicas cannot share; `peer_lost`.
    """
    if cluster and recipe:
        if recipe.batch_size == "auto":
            message = "Several workers train, and `batch_size: auto` is tried on the devices of one."
            raise make_error("contradiction", message, path="recipe.batch_size", remedy="--set recipe.batch_size=N")
        require_even_split(recipe.batch_size, len(cluster.addresses), "workers")
    workers = rendezvous(cluster, log) if cluster else Workers()
    with workers.fail_together():
        if recipe:
            choose_kernels(recipe)
        gpus = workers.all_gather(len(tf.config.list_physical_devices("GPU")))
        if len(set(gpus)) > 1:
            raise make_error(
                "environment",
                "The workers differ in their GPUs.",
                expected="the same number for each",
                found=", ".join(map(str, gpus)),
                remedy="show each as many GPUs with CUDA_VISIBLE_DEVICES",
            )
        strategy = make_strategy(recipe.distribution if recipe else "multi_worker", cluster)
        if recipe and recipe.batch_size != "auto":
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
    """The configuration of a run, which the chief shares with the other workers.

    Attributes:
        directory: path of the run on the chief's machine; it means nothing on others.
        spec: the resolved spec.
        recipe: the resolved recipe.
        transfer: the weights that the run starts from, as `Transfer.as_dict` has it; None for random ones.
        fingerprint: digest of the data, `DataSet.identity`.
        kernels: how the chief computes convolutions, by the names of their records.
    """

    directory: str
    spec: Spec
    recipe: Recipe
    transfer: Mapping[str, Any] | None
    fingerprint: str
    kernels: Mapping[str, KernelChoice] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """Return the configuration for the other workers, JSON-ready, with the versions of the chief's packages."""
        return {
            "directory": self.directory,
            "spec": self.spec.document(),
            "recipe": self.recipe.document(),
            "transfer": self.transfer,
            "fingerprint": self.fingerprint,
            "kernels": kernels_as_dict(self.kernels),
            "versions": package_versions(),
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
    """Receive the configuration that the chief shares, on another worker.

    Args:
        workers: all workers; the chief calls `all_gather` with its configuration at the same time.
        own: spec and recipe that this worker was started with; None if it was given none. Its data may lie elsewhere;
            all else must be the chief's.

    Raises:
        KresnetError: `environment`, if the workers were started with different documents or run different versions.
    """
    shared = workers.all_gather(None)[0]
    spec, recipe = Spec.model_validate(shared["spec"]), Recipe.model_validate(shared["recipe"])
    pairs = [(name, shared["versions"].get(name), here) for name, here in package_versions().items()]
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
    kernels = kernels_from_dict(shared["kernels"])
    return SharedConfig(shared["directory"], spec, recipe, shared["transfer"], shared["fingerprint"], kernels)
