"""Which versions of a model are loaded: its folder is polled, and a new version serves before the old one is dropped.

As TF Serving does it (`sources/storage_path/file_system_storage_path_source.cc`,
`core/availability_preserving_policy.cc`).
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from kresnet.export.capi import CODES, RuntimeFailure
from kresnet.export.staging import versions
from kresnet.serving.protos import ModelConfig, ModelVersionStatus
from kresnet.serving.servable import LoadedVersion, not_found

#: A load that failed is tried again this often, this many seconds apart (`max_num_load_retries` and its interval).
RETRIES, RETRY_SECONDS = 5, 60.0

logger = logging.getLogger(__name__)

Load = Callable[[str, int, Path], LoadedVersion]


@dataclass(slots=True)
class Version:
    """What became of a version: its state as `ModelVersionStatus` names it, and why loading failed if it did."""

    state: str = "START"
    failure: RuntimeFailure | None = None
    servable: LoadedVersion | None = None
    failures: int = 0
    next_attempt: float = 0.0


@dataclass
class Model:
    """A model's folder and its versions, old and new.

    Attributes:
        name: as clients call it.
        base: holds a folder a version.
        config: its version policy and labels.
        versions: every version that was ever to be served, by number.
    """

    name: str
    base: Path
    config: ModelConfig = field(default_factory=ModelConfig)
    versions: dict[int, Version] = field(default_factory=dict)

    def find(self, version: int | None) -> LoadedVersion:
        """The servable of a version, or of the newest one.

        Raises:
            RuntimeFailure: NOT_FOUND.
        """
        available = {number: one.servable for number, one in self.versions.items() if one.state == "AVAILABLE"}
        servable = available.get(max(available, default=-1) if version is None else version)
        if servable is None:
            raise not_found(self.name, version)
        return servable

    def status(self) -> dict[int, ModelVersionStatus]:
        """The state of each version, newest first."""
        found = {}
        for number in sorted(self.versions, reverse=True):
            one = self.versions[number]
            status = ModelVersionStatus(version=number, state=ModelVersionStatus.State.Value(one.state))
            status.status.SetInParent()
            if one.failure:
                status.status.error_code = CODES.index(one.failure.code)
                status.status.error_message = one.failure.message
            found[number] = status
        return found

    async def poll(self, load: Load, *, wanted: bool = True) -> None:
        """Look at the folder once, and load and drop what that asks for.

        Args:
            load: loads a version; called in a thread.
            wanted: whether the model is to be served at all.
        """
        aspired = self._aspired() if wanted else {}
        if aspired is None:
            return  # a folder that cannot be read says nothing about what to serve
        for number, path in sorted(aspired.items(), reverse=True):
            one = self.versions.setdefault(number, Version())
            if one.state == "END" and one.failure is None:
                one = self.versions[number] = Version()  # it was dropped, and is wanted again
            if one.state in ("START", "LOADING") and time.monotonic() >= one.next_attempt:
                await self._load(one, number, path, load)
        if aspired and not any(self.versions[number].state == "AVAILABLE" for number in aspired):
            return  # rather an old version than none
        leaving = [n for n, one in self.versions.items() if n not in aspired and one.state != "END"]
        await asyncio.gather(*(self._drop(number) for number in leaving))

    async def _load(self, one: Version, number: int, path: Path, load: Load) -> None:
        one.state = "LOADING"
        try:
            one.servable = await asyncio.to_thread(load, self.name, number, path)
        except Exception as error:
            failure = error if isinstance(error, RuntimeFailure) else RuntimeFailure("INTERNAL", str(error))
            one.failures += 1
            one.failure, one.next_attempt = failure, time.monotonic() + RETRY_SECONDS
            if one.failures > RETRIES:
                one.state = "END"
            logger.warning("%s version %d cannot be loaded: %s", self.name, number, failure)
            return
        one.state, one.failure = "AVAILABLE", None
        logger.info("serving %s version %d", self.name, number)

    async def _drop(self, number: int) -> None:
        one = self.versions[number]
        servable, one.servable = one.servable, None
        one.state = "UNLOADING" if servable else "END"
        if servable:
            await servable.close()
            logger.info("dropped %s version %d", self.name, number)
        one.state = "END"

    def _aspired(self) -> dict[int, Path] | None:
        """The versions in the folder that the policy wants; None where there is no folder."""
        try:
            found = versions(self.base)
        except OSError:
            return None
        policy = self.config.model_version_policy
        match policy.WhichOneof("policy_choice"):
            case "all":
                return found
            case "specific":
                return {number: found[number] for number in policy.specific.versions if number in found}
            case _:
                newest = sorted(found, reverse=True)[: max(policy.latest.num_versions, 1)]
                return {number: found[number] for number in newest}
