"""The version folder under proof, and what its checks share."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from kresnet.export import graph_scan as scan
from kresnet.export import manifest
from kresnet.export.capi import SavedModelSession
from kresnet.export.contract import Signature
from kresnet.export.manifest import Manifest
from kresnet.export.protos import MetaGraphDef
from kresnet.export.reference_outputs import ReferenceOutputs
from kresnet.export.requests import request


class CheckFailed(Exception):
    """What a check found, in a sentence."""


@dataclass
class ExportUnderTest:
    """A version folder under proof; `facts` gathers what was measured on the way."""

    directory: Path
    facts: dict[str, Any] = field(default_factory=dict)

    @cached_property
    def manifest(self) -> Manifest:
        return Manifest.load(self.directory)

    @cached_property
    def reference(self) -> ReferenceOutputs:
        return ReferenceOutputs.load(self.directory / manifest.GOLDEN)

    @cached_property
    def graph(self) -> MetaGraphDef:
        return scan.read_meta_graph(self.directory)

    @cached_property
    def session(self) -> SavedModelSession:
        return SavedModelSession(self.directory)

    @property
    def signatures(self) -> dict[str, Signature]:
        """The contract."""
        return self.manifest.signatures

    def ask(self, name: str, order: np.ndarray) -> dict[str, np.ndarray]:
        """The answer of a signature to the golden rows of `order`."""
        return self.session.run(name, request(name, self.signatures[name], self.reference, order))


def announce(what: str) -> None:
    """Note on stderr what is about to be tried: the last such line tells what ended the process."""
    print(f"trying {what}", file=sys.stderr, flush=True)


__all__ = ["CheckFailed", "ExportUnderTest", "announce"]
