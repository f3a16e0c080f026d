"""Train networks: start a run, or try what it would do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from kresnet.api.network import Network, resolve
from kresnet.api.pretrained import pull_in_process, pull_named, spec_of_weights, stated_init
from kresnet.api.process_state import training_scope
from kresnet.api.progress import run_output
from kresnet.api.resume import require_pause
from kresnet.api.run import Run
from kresnet.errors import make_error
from kresnet.files import AnyPath
from kresnet.runs.run_directory import RunDirectory
from kresnet.runs.run_start import refuse_existing_run
from kresnet.spec.loading import Reference
from kresnet.spec.overrides import Overrides

if TYPE_CHECKING:
    from kresnet.runs.resolved_run import ResolvedRun
    from kresnet.training.dry_run import DryRun
    from kresnet.training.loop.callbacks import OneOrMoreCallbacks
    from kresnet.weights.pretrained.pull import PulledWeights


def fit(
    network: Reference | Network | None = None,
    recipe: Reference | None = None,
    *,
    output: AnyPath | None = None,
    overrides: Overrides = (),
    init: AnyPath | None = None,
    freeze: Sequence[str] = (),
    callbacks: OneOrMoreCallbacks = (),
    accept_licence: bool = False,
    force: bool = False,
    pause_after: int | None = None,
    progress: bool = True,
) -> Run:
    """Train a network into a new directory.

    An interrupt (Ctrl-C, a notebook's stop button) or SIGTERM lets the steps under way end and the state be saved;
    `kresnet.resume` then goes on bit for bit. Only the main thread hears signals: a run in another thread trains on.

    Args:
        network: a network, or what `kresnet.load` takes; by default that of the weights to start from.
        recipe: a recipe, or what `kresnet.recipe` takes; the spec's own by default.
        output: the run's directory; `runs/NAME` by default.
        overrides: settings to change, as for `kresnet.load`; those of the recipe begin with `recipe.`:
            `{"recipe.epochs": 3, "head.dropout": 0.1}`.
        init: weights to start from, in place of the recipe's: by name, as `kresnet.pull_weights` takes it, or a kresnet
            model by its `.keras` file, its run, or the directory that `build` wrote. Their head may differ, and begins
            anew where their classes are others than those of the data.
        freeze: parts of `init` to hold as they are: `["stem", "stage1"]`.
        callbacks: Keras's callbacks, whose hooks are called as docs/callbacks.md says; those that Keras ships and that
            would break an exact resumption are refused.
        accept_licence: accept a licence of `init` that forbids commercial use.
        force: go on where the estimate of memory says stop.
        pause_after: number of epochs after which to stop as an interrupt would stop it; `kresnet.resume` goes on.
        progress: tell on standard error, or in a notebook below the cell, how it goes.

    Raises:
        KresnetError: for bad input before anything is written; `diverged`, `disk_full`, `callback_failed` or
            `peer_lost` later.
        KeyboardInterrupt: once the run was asked to stop and its state is saved. A second interrupt does not wait.
    """
    from kresnet.distributed.cluster import cluster_for_recipe
    from kresnet.runtime import import_tensorflow

    network, init, pulled = named_start(network, recipe, overrides, init, accept_licence, force, progress)
    run = resolve(network, recipe, overrides)
    init = run.recipe.init if init is None else init
    cluster = cluster_for_recipe(run.recipe)
    directory = RunDirectory(Path("runs") / run.spec.name if output is None else Path(output))
    if not cluster or cluster.chief:
        refuse_existing_run(directory)
    if init is not None and pulled is None:
        if cluster:
            pull_in_process(init)
        pulled = pull_named(init, network, accept_licence, force=force, progress=progress)
    run = starting_from(run, init, pulled, freeze)
    import_tensorflow(silent=cluster is not None)
    from kresnet.training.fit import start
    from kresnet.training.loop.callbacks import accepted_callbacks
    from kresnet.training.loop.trackers.tracker_callback import require_tracker_packages
    from kresnet.training.opening import require_training_memory

    accepted = accepted_callbacks(callbacks)
    require_tracker_packages(run.recipe)
    if not force:
        require_training_memory(run.plan, run.recipe, len(cluster.addresses) if cluster else 1)
    with training_scope(run):
        result = start(directory, run, cluster, run_output(progress), accepted, pause_after=require_pause(pause_after))
    return Run(directory, result)


def named_start(
    network: Reference | Network | None,
    recipe: Reference | None,
    overrides: Overrides,
    init: AnyPath | None,
    accept_licence: bool,
    force: bool,
    progress: bool,
) -> tuple[Reference | Network, AnyPath | None, PulledWeights | None]:
    """Return the network of a run, and the weights to start from as far as they say which network that is.

    Arguments are those of `fit`.

    Returns:
        The network; the weights that the caller names; and what they became, where the network is theirs.

    Raises:
        KresnetError: `bad_option` if neither network nor weights are named; as `kresnet.pull_weights`.
    """
    if network is not None:
        return network, init, None
    init = stated_init(recipe, overrides) if init is None else init
    if init is None:
        raise make_error("bad_option", "Name the spec to train, or the weights to start from.",
                         remedy="kresnet fit quickstart -o RUN, or --init timm/resnet50.a1_in1k")  # fmt: skip
    pulled = pull_named(init, None, accept_licence, force=force, progress=progress)
    return spec_of_weights(init, pulled), init, pulled


def starting_from(
    run: ResolvedRun, init: AnyPath | None, pulled: PulledWeights | None, freeze: Sequence[str]
) -> ResolvedRun:
    """Return the run with the weights that it starts from, checked against its network.

    Raises:
        KresnetError: as `prepare_transfer`; what opening the weights raises.
    """
    from kresnet.runs.trained_model import open_initial_weights
    from kresnet.weights.transfer import prepare_transfer

    start_from = pulled.model if pulled else Path(init) if init is not None else None
    file, class_names = open_initial_weights(start_from) if start_from else (None, ())
    return replace(run, transfer=prepare_transfer(run.plan, file, freeze, class_names))


def dry_run(
    network: Reference | Network,
    recipe: Reference | None = None,
    *,
    overrides: Overrides = (),
    force: bool = False,
) -> DryRun:
    """Tell what a run would do: its steps, learning rates, memory, and after a few timed steps its length.

    Nothing is written. Arguments are those of `kresnet.fit`.

    Raises:
        KresnetError: whatever `kresnet.fit` would refuse to begin with; `bad_option` for a run of several workers.
    """
    from kresnet.distributed.cluster import cluster_for_recipe
    from kresnet.runtime import import_tensorflow

    run = resolve(network, recipe, overrides)
    if cluster_for_recipe(run.recipe):
        message = "--dry-run times one process, and this recipe is for several workers."
        raise make_error("bad_option", message, remedy="--set recipe.distribution=one_device")
    import_tensorflow()
    from kresnet.training.dry_run import dry_run as try_run
    from kresnet.training.loop.trackers.tracker_callback import require_tracker_packages
    from kresnet.training.opening import require_training_memory

    require_tracker_packages(run.recipe)
    if not force:
        require_training_memory(run.plan, run.recipe)
    with training_scope(run):
        return try_run(run)


__all__ = ["dry_run", "fit"]
