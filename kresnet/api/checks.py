"""Checks of networks, exports and this machine: batch norms against their derivation, gradients, proofs, devices."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kresnet.api.network import Network
from kresnet.api.run import Run
from kresnet.errors import KresnetError, make_error
from kresnet.files import AnyPath
from kresnet.spec.loading import Reference
from kresnet.spec.overrides import Overrides

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from kresnet.diagnostics.check_conditions import CheckConditions
    from kresnet.diagnostics.device_check.device_report import DeviceReport, PartEntry
    from kresnet.diagnostics.network_under_test import NetworkUnderTest
    from kresnet.export.proof import ProofReport
    from kresnet.probes.activation_profile import ActivationProfile
    from kresnet.probes.batch_norm_agreement import NormCheck
    from kresnet.probes.gradient_flow import GradientFlow
    from kresnet.runs.run_directory import RunDirectory

    NetworkOrRun = Reference | Network | Run


@dataclass(frozen=True, slots=True)
class NormReport:
    """The agreement of every batch norm's backward pass with its derivation in float64.

    Attributes:
        network: name of the network, with the settings that were overridden.
        conditions: batch, devices, precision, where weights and images come from.
        norms: an outcome for each batch norm: relative errors by field, and which of them are too large.
    """

    network: str
    conditions: CheckConditions
    norms: Sequence[NormCheck]

    @property
    def passed(self) -> bool:
        """Whether every batch norm agrees."""
        return not any(norm.failures for norm in self.norms)

    def as_dict(self) -> dict[str, Any]:
        """Return the report as JSON-ready values."""
        norms = [norm.as_dict() for norm in self.norms]
        return {"network": self.network, **asdict(self.conditions), "passed": self.passed, "norms": norms}

    def error(self) -> KresnetError:
        """Return an error with a problem for each batch norm that disagrees."""
        return KresnetError(norm.problem() for norm in self.norms if norm.failures)


@dataclass(frozen=True, slots=True)
class GradientReport:
    """The gradient's path through the blocks of a network, measured.

    Attributes:
        conditions: batch, devices, precision, where weights and images come from.
        flow: what was measured block by block, and the verdict.
    """

    conditions: CheckConditions
    flow: GradientFlow

    def as_dict(self) -> dict[str, Any]:
        """Return the report as JSON-ready values."""
        return asdict(self.conditions) | self.flow.as_dict()

    def plot(self, *others: GradientReport) -> Figure:
        """Plot norms, paths, Jacobians and weight gradients block by block, beside those of other networks."""
        from kresnet.diagnostics.gradient_figures import draw_flows

        return draw_flows([report.flow for report in (self, *others)])

    def save(self, directory: AnyPath, *others: GradientReport) -> None:
        """Write `gradients.json` and figures, `gradients.png` and `gradients.svg`, into a new directory.

        Raises:
            KresnetError: `output_exists`, `not_writable`, `disk_full`.
        """
        from kresnet.files import refuse_existing, staged_directory, write_json
        from kresnet.report.charts import save_figure

        refuse_existing(Path(directory))
        with staged_directory(Path(directory)) as staged:
            write_json(staged / "gradients.json", {"networks": [report.as_dict() for report in (self, *others)]})
            save_figure(self.plot(*others), staged / "gradients")


@dataclass(frozen=True, slots=True)
class ActivationReport:
    """The activations of a network by depth, measured.

    Attributes:
        conditions: batch, devices, precision, where weights and images come from.
        profile: mean and deviation of every block's output.
    """

    conditions: CheckConditions
    profile: ActivationProfile

    def as_dict(self) -> dict[str, Any]:
        """Return the report as JSON-ready values."""
        return asdict(self.conditions) | self.profile.as_dict()


def check_batch_norm(
    network: NetworkOrRun, *, recipe: Reference | None = None, overrides: Overrides = (), batch: int = 16
) -> NormReport:
    """Compare the backward pass of every batch norm, on real images, with its derivation in float64.

    Args:
        network: a network, what `kresnet.load` takes, or a run or its directory.
        recipe: where the images come from; by default the run's or the spec's, else images that kresnet ships.
        overrides: settings to change, those of the recipe beginning with `recipe.`.
        batch: images, over all devices together.

    Raises:
        KresnetError: `contradiction` if there is nothing to check; what loading raises. Disagreement is not raised, but
            reported.
    """
    network_under_test, conditions = _open(network, recipe, overrides, batch)
    from kresnet.diagnostics.batch_norm_check import check_batch_norms

    return NormReport(network_under_test.label, conditions, check_batch_norms(network_under_test))


def check_gradients(
    network: NetworkOrRun,
    *,
    recipe: Reference | None = None,
    overrides: Overrides = (),
    batch: int = 16,
    jacobians: bool = True,
) -> GradientReport:
    """Measure how the gradient fares on its way through the blocks, on real images.

    Args:
        network: a network, what `kresnet.load` takes, or a run or its directory.
        recipe: where the images come from; by default the run's or the spec's, else images that kresnet ships.
        overrides: settings to change, those of the recipe beginning with `recipe.`.
        batch: images, over all devices together.
        jacobians: estimate the singular values of the blocks' Jacobians as well, which takes most of the time.

    Raises:
        KresnetError: `bad_option` for a single image; what loading raises.
    """
    if batch < 2:
        raise make_error(
            "bad_option", "A gradient is measured on a batch.", expected="--batch 2 or more", found=str(batch)
        )
    network_under_test, conditions = _open(network, recipe, overrides, batch)
    from kresnet.diagnostics.gradient_check import check_gradients as measure

    return GradientReport(conditions, measure(network_under_test, jacobians=jacobians))


def check_activations(
    network: NetworkOrRun, *, recipe: Reference | None = None, overrides: Overrides = (), batch: int = 16
) -> ActivationReport:
    """Measure mean and deviation of every block's output, on real images, as a training step has them.

    Args:
        network: a network, what `kresnet.load` takes, or a run or its directory.
        recipe: where the images come from; by default the run's or the spec's, else images that kresnet ships.
        overrides: settings to change, those of the recipe beginning with `recipe.`.
        batch: images, over all devices together.

    Raises:
        KresnetError: what loading raises.
    """
    network_under_test, conditions = _open(network, recipe, overrides, batch)
    from kresnet.diagnostics.activation_check import check_activations as measure

    return ActivationReport(conditions, measure(network_under_test))


def check_export(directory: AnyPath) -> ProofReport:
    """Prove again that an exported version serves, in a fresh process without TensorFlow's Python.

    Args:
        directory: `MODELS_DIR/NAME/VERSION`, or `MODELS_DIR/NAME` for its newest version.

    Raises:
        KresnetError: `model_unreadable`, where there is no export of kresnet. A failure is not raised, but reported.
    """
    from kresnet.export.proof import check_export as prove

    return prove(Path(directory))


def check_device(
    *,
    quick: bool = False,
    parts: Sequence[str] = (),
    output: AnyPath | None = None,
    on_entry: Callable[[PartEntry], None] | None = None,
) -> DeviceReport:
    """Check that this machine trains as kresnet promises: libraries, kernels, XLA, several devices, resuming, export.

    Each part runs in a process of its own or of its neighbours; this process imports no TensorFlow.

    Args:
        quick: take the short form, of some minutes.
        parts: names of the parts to run; all where none is named.
        output: new directory for `device-check.md` and `device-check.json`, which are rewritten after each result.
        on_entry: called with each result as it comes.

    Raises:
        KresnetError: `bad_option` for a part that is none; `output_exists`, `not_writable`, `disk_full`. What fails in
            the check is not raised, but reported.
    """
    from kresnet.diagnostics.device_check.device_check import run_device_check
    from kresnet.diagnostics.device_check.registry import select_parts
    from kresnet.files import refuse_existing, translate_os_errors

    chosen = select_parts(parts)
    directory = None if output is None else Path(output)
    if directory:
        refuse_existing(directory)
        with translate_os_errors(directory):
            directory.mkdir(parents=True, exist_ok=True)
    return run_device_check(chosen, quick=quick, directory=directory, on_entry=on_entry or (lambda _: None))


def _open(
    network: NetworkOrRun, recipe: Reference | None, overrides: Overrides, batch: int
) -> tuple[NetworkUnderTest, CheckConditions]:
    """Open what a caller names, with a batch to run through it, and say under which conditions; imports TensorFlow."""
    from kresnet.runtime import import_tensorflow

    import_tensorflow()
    from kresnet.diagnostics.check_conditions import check_conditions
    from kresnet.diagnostics.network_under_test import open_network_under_test

    reference: Reference | RunDirectory
    if isinstance(network, Network):
        reference, plan = network.loaded, network.plan()
    else:
        reference, plan = network.directory if isinstance(network, Run) else network, None
    opened = open_network_under_test(reference, recipe=recipe, overrides=overrides, batch=batch, plan=plan)
    return opened, check_conditions(opened)
