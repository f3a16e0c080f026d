"""A served model: its folder is polled, and a new version is loaded before the old one is dropped.

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

from kresnet.export.capi import STATUS_CODES, RuntimeFailure
from kresnet.export.version_folders import list_versions
from kresnet.serving.loaded_version import LoadedVersion, not_found_error
from kresnet.serving.protos import ModelConfig, ModelVersionStatus

#: A load that failed is tried again this often, this many seconds apart (`max_num_load_retries` and its interval).
MAX_RETRIES, RETRY_SECONDS = 5, 60.0

logger = logging.getLogger(__name__)

LoadVersion = Callable[[str, int, Path], LoadedVersion]


@dataclass(slots=True)
class VersionState:
    """State of a version.

    Attributes:
        state: name of the state, as in `ModelVersionStatus`.
        failure: why loading failed, where it did.
        loaded: the loaded version, while the state is AVAILABLE.
        failures: number of times that loading has failed.
        next_attempt: time (`time.monotonic()`) from which loading may be tried again.
    """

    state: str = "START"
    failure: RuntimeFailure | None = None
    loaded: LoadedVersion | None = None
    failures: int = 0
    next_attempt: float = 0.0


@dataclass
class ServedModel:
    """A model: its folder, and its versions, old and new.

    Attributes:
        name: the name that clients use.
        base: folder that holds a folder for each version.
        config: its version policy and labels.
        versions: state of every version that was ever to be served, by number.
    """

    name: str
    base: Path
    config: ModelConfig = field(default_factory=ModelConfig)
    versions: dict[int, VersionState] = field(default_factory=dict)

    def find(self, version: int | None) -> LoadedVersion:
        """Return the loaded version of a number, or the newest one.

        Raises:
            RuntimeFailure: NOT_FOUND.
        """
        available = {number: one.loaded for number, one in self.versions.items() if one.state == "AVAILABLE"}
        loaded = available.get(max(available, default=-1) if version is None else version)
        if loaded is None:
            raise not_found_error(self.name, version)
        return loaded

    def status(self) -> dict[int, ModelVersionStatus]:
        """Return the state of each version by its number, newest first."""
        states = {}
        for number in sorted(self.versions, reverse=True):
            one = self.versions[number]
            status = ModelVersionStatus(version=number, state=ModelVersionStatus.State.Value(one.state))
            status.status.SetInParent()
            if one.failure:
                status.status.error_code = STATUS_CODES.index(one.failure.code)
                status.status.error_message = one.failure.message
            states[number] = status
        return states

    async def poll(self, load: LoadVersion, *, wanted: bool = True) -> None:
        """Look at the folder once, and load and drop versions as it and the policy ask.

        Args:
            load: loads a version; called in a thread.
            wanted: whether the model is to be served at all.
        """
        wanted_versions = self._wanted_versions() if wanted else {}
        if wanted_versions is None:
            return  # a folder that cannot be read says nothing about what to serve
        for number, path in sorted(wanted_versions.items(), reverse=True):
            one = self.versions.setdefault(number, VersionState())
            if one.state == "END" and one.failure is None:
                one = self.versions[number] = VersionState()  # it was dropped, and is wanted again
            if one.state in ("START", "LOADING") and time.monotonic() >= one.next_attempt:
                await self._load(one, number, path, load)
        if wanted_versions and not any(self.versions[number].state == "AVAILABLE" for number in wanted_versions):
            return  # rather an old version than none
        leaving = [n for n, one in self.versions.items() if n not in wanted_versions and one.state != "END"]
        await asyncio.gather(*(self._drop(number) for number in leaving))

    async def _load(self, one: VersionState, number: int, path: Path, load: LoadVersion) -> None:
        one.state = "LOADING"
        try:
            one.loaded = await asyncio.to_thread(load, self.name, number, path)
        except Exception as error:
            failure = error if isinstance(error, RuntimeFailure) else RuntimeFailure("INTERNAL", str(error))
            one.failures += 1
            one.failure, one.next_attempt = failure, time.monotonic() + RETRY_SECONDS
            if one.failures > MAX_RETRIES:
                one.state = "END"
            logger.warning("%s version %d cannot be loaded: %s", self.name, number, failure)
            return
        one.state, one.failure = "AVAILABLE", None
        logger.info("serving %s version %d", self.name, number)

    async def _drop(self, number: int) -> None:
        one = self.versions[number]
        loaded, one.loaded = one.loaded, None
        one.state = "UNLOADING" if loaded else "END"
        if loaded:
            await loaded.close()
            logger.info("dropped %s version %d", self.name, number)
        one.state = "END"

    def _wanted_versions(self) -> dict[int, Path] | None:
        """Return the versions in the folder that the policy wants; None where the folder cannot be read."""
        try:
            present = list_versions(self.base)
        except OSError:
            return None
        policy = self.config.model_version_policy
        match policy.WhichOneof("policy_choice"):
            case "all":
                return present
            case "specific":
                return {number: present[number] for number in policy.specific.versions if number in present}
            case _:
                newest = sorted(present, reverse=True)[: max(policy.latest.num_versions, 1)]
                return {number: present[number] for number in newest}
