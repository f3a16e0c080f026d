"""The version folder that is proved, and what the checks of the proof share."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from kresnet.export import graph_scan, manifest
from kresnet.export.capi import SavedModelSession
from kresnet.export.manifest import Manifest
from kresnet.export.protos import MetaGraphDef
from kresnet.export.reference_outputs import ReferenceOutputs
from kresnet.export.request_inputs import request_inputs
from kresnet.export.signature_contract import Signature


class CheckFailed(Exception):
    """Raised by a check that does not hold; the message says why, in a sentence."""


@dataclass
class ExportUnderTest:
    """A version folder that is proved.

    Attributes:
        directory: the version folder.
        facts: what the checks measured on the way, by name.
    """

    directory: Path
    facts: dict[str, Any] = field(default_factory=dict)

    @cached_property
    def manifest(self) -> Manifest:
        """Manifest of the export, read once."""
        return Manifest.load(self.directory)

    @cached_property
    def reference(self) -> ReferenceOutputs:
        """Reference inputs and outputs of the export, read once."""
        return ReferenceOutputs.load(self.directory / manifest.REFERENCE_OUTPUTS)

    @cached_property
    def graph(self) -> MetaGraphDef:
        """Graph of the SavedModel, read once."""
        return graph_scan.read_meta_graph(self.directory)

    @cached_property
    def session(self) -> SavedModelSession:
        """The SavedModel, loaded once in TensorFlow's C++ runtime."""
        return SavedModelSession(self.directory)

    @property
    def signatures(self) -> dict[str, Signature]:
        """The signatures that the manifest promises, by name."""
        return self.manifest.signatures

    @cached_property
    def scaled_logits(self) -> np.ndarray:
        """The reference logits divided by the temperatures, of which the probabilities are made, float64."""
        return self.reference.outputs["logits"] / np.asarray(self.manifest.temperatures or 1.0, np.float64)

    @property
    def gain(self) -> float:
        """How many times larger a difference of logits can become before it reaches the probabilities; 1 or more."""
        return 1 / min(1.0, *(self.manifest.temperatures or (1.0,)))

    def run_rows(self, name: str, order: np.ndarray) -> dict[str, np.ndarray]:
        """Return the answer of a signature to the reference inputs of the indices `order`."""
        return self.session.run(name, request_inputs(name, self.signatures[name], self.reference, order))


def announce(what: str) -> None:
    """Note on stderr what is about to be tried: the last such line tells what ended the process."""
    print(f"trying {what}", file=sys.stderr, flush=True)


__all__ = ["CheckFailed", "ExportUnderTest", "announce"]
