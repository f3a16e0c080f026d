"""What a run is, settled once: its network, its recipe in steps, its data, and what it computes on.

`resolve_run` is the one place where a spec meets a recipe. Everything that trains, continues, tries, checks or compares
runs takes the `ResolvedRun` that it makes; nothing downstream reads a document, plans or resolves again.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from kresnet.data.description import DataDescription
from kresnet.data.order import steps_per_epoch
from kresnet.errors import KresnetError, make_error
from kresnet.plan import Plan, plan_loaded
from kresnet.plan.convolutions import KernelChoice
from kresnet.plan.model_selection import selection_problems
from kresnet.plan.norm_statistics import norm_problems, unsettled_statistics_note
from kresnet.plan.resolved_recipe import ResolvedRecipe, resolve_recipe
from kresnet.runs.teacher import Teacher
from kresnet.spec.architecture import Spec
from kresnet.spec.loading import LoadedDocument, Reference, load_recipe, load_spec
from kresnet.spec.overrides import Overrides, split_overrides
from kresnet.spec.recipe import Recipe
from kresnet.weights.pretrained.weight_names import is_path
from kresnet.weights.transfer import Transfer, frozen_records

#: Fields of a recipe's `data` that hold paths, by kind of data.
_DATA_PATHS = {"tfds": ("data_dir",), "folder": ("path",), "table": ("path", "root"), "arrays": ("path",),
               "prepared": ("path",)}  # fmt: skip


@dataclass(frozen=True, slots=True)
class ComputeSettings:
    """What a run computes on, and in which type.

    Attributes:
        replicas: number of devices that share each batch, over all workers.
        precision: `float32`, `bfloat16` or `float16`, the type of activations and products.
        precision_text: the precision with the reason why `auto` chose it, for people.
        xla: whether XLA compiles the forward and the backward pass.
        kernels: how convolutions are computed in training, by the names of their records; stock where none is named.
        kernels_text: what `kernels: auto` chose, for people; empty for `stock`.
    """

    replicas: int
    precision: str
    precision_text: str
    xla: bool
    kernels: Mapping[str, KernelChoice] = field(default_factory=dict)
    kernels_text: str = ""


@dataclass(frozen=True, slots=True)
class ResolvedRun:
    """A run before its first step: everything that decides what it computes.

    Attributes:
        loaded_spec: the network's spec, with the place where each setting was written.
        plan: the network, layer by layer.
        loaded_recipe: the recipe, with the place where each setting was written.
        transfer: the weights that the run starts from; None for random ones.
        resolved_recipe: the recipe with every duration in steps; None until the number of training images is known.
        data: what the run trains on; None until the data are opened.
        compute: what the run computes on; None until TensorFlow has told its devices.
        teacher: the network that it learns from; None for none, and until the data are opened.
        batch_size_text: the batch size with the reason why `auto` chose it, for people; empty where it was stated.
    """

    loaded_spec: LoadedDocument[Spec]
    plan: Plan
    loaded_recipe: LoadedDocument[Recipe]
    transfer: Transfer | None = None
    resolved_recipe: ResolvedRecipe | None = None
    data: DataDescription | None = None
    compute: ComputeSettings | None = None
    teacher: Teacher | None = None
    batch_size_text: str = ""

    @property
    def spec(self) -> Spec:
        """The spec of the network, every default filled in."""
        return self.loaded_spec.value

    @property
    def recipe(self) -> Recipe:
        """The recipe, every default filled in."""
        return self.loaded_recipe.value

    @property
    def steps(self) -> ResolvedRecipe:
        """The recipe in steps, of a run whose data are known."""
        assert self.resolved_recipe is not None
        return self.resolved_recipe

    @property
    def described(self) -> DataDescription:
        """What the run trains on, once that is known."""
        assert self.data is not None
        return self.data

    @property
    def devices(self) -> ComputeSettings:
        """What the run computes on, once that is known."""
        assert self.compute is not None
        return self.compute

    def with_training_images(self, images: int) -> ResolvedRun:
        """Return the run with its recipe resolved to steps for so many training images.

        Raises:
            KresnetError: `contradiction`, `no_effect` or `data_mismatch`; all problems at once, with their places.
        """
        try:
            epoch_steps = steps_per_epoch(images, self.recipe.images_per_step)
            written = self.loaded_recipe.source.values
            resolved = resolve_recipe(self.recipe, self.plan, epoch_steps, written, frozen=self._frozen())
            return replace(self, resolved_recipe=resolved)
        except KresnetError as error:
            raise self.locate(error) from None

    def with_data(self, data: DataDescription) -> ResolvedRun:
        """Return the run on these data, its recipe resolved to steps.

        Raises:
            KresnetError: as `with_training_images`.
        """
        return replace(self.with_training_images(data.train_images), data=data)

    def with_batch_size(self, size: int, text: str = "") -> ResolvedRun:
        """Return the run with the batch size that its recipe's `auto` became, and why, for people."""
        changed, source = {"batch_size": size}, self.loaded_recipe.source
        loaded = replace(
            self.loaded_recipe,
            value=self.recipe.model_copy(update=changed),
            source=replace(source, values={**source.values, **changed}),
        )
        return replace(self, loaded_recipe=loaded, batch_size_text=text)

    def with_kernels(self, kernels: Mapping[str, KernelChoice], text: str = "") -> ResolvedRun:
        """Return the run with the kernels of its convolutions, and what was chosen, for people."""
        return replace(self, compute=replace(self.devices, kernels=kernels, kernels_text=text))

    def with_compute(self, compute: ComputeSettings) -> ResolvedRun:
        """Return the run on these devices.

        Raises:
            KresnetError: `contradiction` if each of them sees too little of a batch for the network's norms.
        """
        if problems := [*norm_problems(self.plan, self.recipe, replicas=compute.replicas, frozen=self._frozen())]:
            raise self.locate(KresnetError(problems))
        return replace(self, compute=compute)

    def _frozen(self) -> frozenset[str]:
        """Names of the records whose weights stay as they are."""
        parts = self.transfer.freeze if self.transfer else ()
        return frozenset(record.name for record in frozen_records(self.plan, parts))

    @property
    def notes(self) -> tuple[str, ...]:
        """What the user should know of the run and cannot see in its numbers, of a run whose data are known."""
        if self.transfer:  # statistics that start from another run's are no strangers to images
            return ()
        steps = self.steps
        note = unsettled_statistics_note(self.spec, self.plan, self.recipe, steps.epoch_steps, steps.total_steps)
        return (note,) if note else ()

    def documents(self) -> dict[str, Any]:
        """Return spec and recipe as the run's directory keeps them, every default written out."""
        return {"spec": self.spec.document(), "recipe": self.recipe.document()}

    def locate(self, error: KresnetError) -> KresnetError:
        """Return the error with file, line and column of each problem in the recipe."""
        return self.loaded_recipe.locate_error(error, prefix="recipe")


def resolve_run(
    spec: Reference,
    recipe: Reference | None = None,
    overrides: Overrides = (),
    *,
    plan: Plan | None = None,
    transfer: Transfer | None = None,
    begun: bool = False,
) -> ResolvedRun:
    """Settle what a run of a spec under a recipe is, as far as that can be told without its data and devices.

    Args:
        spec: what names the network.
        recipe: what names the recipe; the spec's own by default.
        overrides: settings to change, in turn; those of the recipe begin with `recipe.`.
        plan: the plan of `spec`, where it has been made and no override changes the spec.
        transfer: description of the weights to start from.
        begun: whether the run was begun before, so that its documents are resolved ones; earlier versions began runs
            that are refused now.

    Raises:
        KresnetError: all problems of the spec, or of the recipe, at once; `bad_option` if there is no recipe;
            `contradiction` where the recipe chooses by images that the run is tested on.
    """
    of_spec, of_recipe = split_overrides(overrides)
    loaded_spec = load_spec(spec, of_spec)
    plan = plan_loaded(loaded_spec, resolved=begun) if plan is None or of_spec else plan
    loaded_recipe = recipe_of(loaded_spec, recipe, of_recipe)
    if loaded_recipe is None:
        raise make_error(
            "bad_option", f"The spec {loaded_spec.value.name} names no recipe.", remedy="--recipe quickstart"
        )
    run = ResolvedRun(loaded_spec, plan, loaded_recipe, transfer)
    if not begun and (problems := [*selection_problems(run.recipe)]):
        raise run.locate(KresnetError(problems))
    return run


def recipe_of(
    spec: LoadedDocument[Spec],
    reference: Reference | None = None,
    overrides: Overrides = (),
    *,
    beside: Path | None = None,
) -> LoadedDocument[Recipe] | None:
    """Load the recipe that the caller names, or else the spec's own; None if neither names one.

    Paths of data are made absolute, so that a run can go on from any directory.

    Args:
        spec: the network to be trained; its own recipe is looked for beside its file.
        reference: the caller's recipe.
        overrides: settings of the recipe to change, without `recipe.`.
        beside: folder in which the caller's recipe is looked for.

    Raises:
        KresnetError: all problems of the recipe at once.
    """
    if reference is None:
        if spec.value.recipe is None:
            return None
        reference, beside = str(spec.value.recipe), spec.path.parent if spec.path else None
    loaded = load_recipe(reference, overrides, base_folder=beside)
    data = loaded.value.data
    stated = {field: getattr(data, field) for field in _DATA_PATHS.get(data.kind, ())}
    paths = {field: _absolute(path, data.kind) for field, path in stated.items() if path is not None}
    init = loaded.value.init
    if init is not None and is_path(init):
        init = _absolute(init, "init")
    distill = loaded.value.distill
    if distill is not None and is_path(distill.teacher):
        distill = distill.model_copy(update={"teacher": _absolute(distill.teacher, "init")})
    if not paths and (init, distill) == (loaded.value.init, loaded.value.distill):
        return loaded
    changed = {"data": data.model_copy(update=paths), "init": init, "distill": distill}
    return replace(loaded, value=loaded.value.model_copy(update=changed))


def _absolute(path: str, kind: str) -> str:
    """Return a path from the root; that of a table keeps its links, since its images may lie beside one."""
    if kind == "prepared" and "://" in path:
        return path
    absolute = Path(os.path.abspath(Path(path).expanduser()))  # noqa: PTH100, which takes `..` out as well
    return str(absolute if kind == "table" else absolute.resolve())


__all__ = ["ComputeSettings", "ResolvedRun", "recipe_of", "resolve_run"]
