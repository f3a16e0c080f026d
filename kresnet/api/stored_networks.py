"""Networks on disk, or by the name of their weights: opened with spec and class names, and made ready to answer."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from kresnet.api.network import Network
from kresnet.api.pretrained import pull_named
from kresnet.errors import make_error
from kresnet.export.manifest import Manifest, read_spec
from kresnet.export.version_folders import find_export
from kresnet.files import AnyPath
from kresnet.plan import Plan, make_plan
from kresnet.runs.trained_model import TrainedModel, open_trained_model
from kresnet.runtime import import_tensorflow
from kresnet.spec.architecture import Spec
from kresnet.spec.loading import Reference
from kresnet.terminal import log

if TYPE_CHECKING:
    from kresnet.evaluation.predictor import Predictor


@dataclass(frozen=True, slots=True)
class ExportedNetwork:
    """A version folder of an exported model, and what it says of its network.

    Attributes:
        path: the version folder.
        manifest: the manifest of the export.
        spec: the network's spec.
        plan: the plan of the spec.
    """

    path: Path
    manifest: Manifest
    spec: Spec
    plan: Plan

    def __str__(self) -> str:
        return str(self.path)


def open_trained(
    trained: AnyPath,
    spec: Reference | Network | None,
    classes: AnyPath | Sequence[str] | None,
    best: bool = False,
) -> TrainedModel:
    """Return the network that a user means, on disk or by the name of its weights, with spec and class names.

    Args:
        trained: a run's directory, a `.keras` file, or the name of weights, which are fetched where they are not known.
        spec: of a `.keras` file outside a run; of weights, instead of the one that their origin says.
        classes: class names in order, or a text file of them, one a line; by default what lies beside the network.
        best: take the network of the run's best epoch rather than that of the last.

    Raises:
        KresnetError: `bad_option` where `best` is asked of what is no run; what `kresnet.pull_weights` and
            `kresnet.runs.trained_model.open_trained_model` raise.
    """
    names = Path(classes) if isinstance(classes, str | os.PathLike) else classes
    if pulled := pull_named(trained, spec):
        if best:
            raise make_error("bad_option", "--best is for runs.", remedy="leave it out")
        return open_trained_model(pulled.model, classes=names)
    reference = spec.loaded if isinstance(spec, Network) else spec
    return open_trained_model(Path(trained), spec=reference, classes=names, best=best)


def open_network(
    trained: AnyPath,
    *,
    best: bool = False,
    spec: Reference | Network | None = None,
    classes: AnyPath | Sequence[str] | None = None,
) -> TrainedModel | ExportedNetwork:
    """Return the network on disk that a user names: a run's, a file's, or an export's; without TensorFlow."""
    version = find_export(Path(trained))
    if version is None:
        origin = open_trained(trained, spec, classes, best)
        for note in origin.notes():
            log(note)
        return origin
    if best or spec or classes:
        message = f"{version} is an export, which has one network, its spec and its class names."
        raise make_error("bad_option", message, remedy="leave --best, --spec and --classes out")
    manifest, exported = Manifest.load(version), read_spec(version)
    return ExportedNetwork(version, manifest, exported, make_plan(exported))


def load_predictor(network: TrainedModel | ExportedNetwork) -> Predictor:
    """Return a network ready to answer; this imports TensorFlow."""
    import_tensorflow()
    if isinstance(network, ExportedNetwork):
        from kresnet.export.served_predictor import ServedPredictor

        return ServedPredictor(network.path)
    from kresnet.evaluation.predictor import KerasPredictor

    return KerasPredictor(network)


__all__ = ["ExportedNetwork", "load_predictor", "open_network", "open_trained"]
