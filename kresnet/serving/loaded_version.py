"""A loaded version of a model: its signatures checked against requests, its runs batched."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import Path

import numpy as np

from kresnet.export import warmup_requests
from kresnet.export.capi import RuntimeFailure, SavedModelSession
from kresnet.serving.batching import Arrays, RequestBatcher
from kresnet.serving.protos import SignatureDef
from kresnet.serving.request_json import invalid_error

DEFAULT_SIGNATURE = "serving_default"


class LoadedVersion:
    """One version of a model, loaded in the C++ runtime.

    Args:
        name: name of the model.
        version: number of the version.
        directory: folder of the version.
        on_callers_thread: as for `kresnet.export.capi.SavedModelSession`.

    Attributes:
        name: name of the model.
        version: number of the version.
        signatures: the signatures by name.

    Raises:
        RuntimeFailure: the version cannot be loaded, or one of its warm-up requests fails.
    """

    def __init__(self, name: str, version: int, directory: Path, *, on_callers_thread: bool = False) -> None:
        self.name, self.version = name, version
        self._session = SavedModelSession(directory, on_callers_thread=on_callers_thread)
        self.signatures: dict[str, SignatureDef] = dict(self._session.signatures)
        self._users = 0
        self._unused = asyncio.Event()
        self._unused.set()
        self._runs, self._closed, self._changed = 0, False, threading.Condition()
        try:
            self._warm_up(directory / warmup_requests.WARMUP_FILE)
        except BaseException:
            self._session.close()
            raise

    def _warm_up(self, path: Path) -> None:
        """Send the model the Predict requests that came with it, before anybody else does."""
        for request in warmup_requests.read_warmup_requests(path) if path.is_file() else ():
            if request.inputs:
                self._session.run(request.signature or DEFAULT_SIGNATURE, request.inputs)

    async def predict(self, signature: str, inputs: Arrays, wanted: Iterable[str], batcher: RequestBatcher) -> Arrays:
        """Return the outputs of a signature.

        Args:
            signature: name of the signature, one of `signatures`.
            inputs: arrays by name.
            wanted: names of the outputs to return; all outputs where there is none.
            batcher: the batcher of the server.

        Raises:
            RuntimeFailure: what the run raises; INVALID_ARGUMENT for inputs or outputs that are not the signature's.
        """
        definition = self.signatures[signature]
        _require_inputs(definition, inputs)
        chosen = _choose_outputs(definition, list(wanted))
        rows = _count_rows(definition, inputs)
        key: object = object()  # its own, for a request that cannot be joined with others
        if rows:
            shapes = tuple((name, array.dtype.str, array.shape[1:]) for name, array in sorted(inputs.items()))
            key = (self.name, self.version, signature, shapes)
        self._users += 1
        self._unused.clear()
        try:
            outputs = await batcher.submit(key, partial(self._run, signature), inputs, rows or 1)
        finally:
            self._users -= 1
            if not self._users:
                self._unused.set()
        return {name: outputs[name] for name in chosen}

    def _run(self, signature: str, inputs: Arrays) -> Arrays:
        """Run a signature, in a thread; the run goes on where the client that asked for it has given up."""
        with self._changed:
            if self._closed:
                raise not_found_error(self.name, self.version)
            self._runs += 1
        try:
            return self._session.run(signature, inputs)
        finally:
            with self._changed:
                self._runs -= 1
                self._changed.notify_all()

    async def close(self) -> None:
        """Free the model once nobody waits for its answer and no run is under way."""
        await self._unused.wait()
        await asyncio.to_thread(self._wait_for_runs)
        self._session.close()

    def _wait_for_runs(self) -> None:
        with self._changed:
            self._closed = True
            self._changed.wait_for(lambda: not self._runs)


def _require_inputs(definition: SignatureDef, inputs: Mapping[str, np.ndarray]) -> None:
    sent, needed = set(inputs), set(definition.inputs)
    if sent == needed:
        return
    if len(sent) == len(needed):
        unknown = min(sent - needed)
        known = ",".join(sorted(needed))
        raise invalid_error(
            f"input tensor alias not found in signature: {unknown}. Inputs expected to be in the set {{{known}}}."
        )
    sizes = f"{len(sent)}!={len(needed)} len({{{_join_names(sent)}}}) != len({{{_join_names(needed)}}})"
    extra = f"Sent extra: {{{_join_names(sent - needed)}}}. Missing but required: {{{_join_names(needed - sent)}}}."
    raise invalid_error(f"input size does not match signature: {sizes}. {extra}")


def _choose_outputs(definition: SignatureDef, wanted: list[str]) -> list[str]:
    for index, name in enumerate(wanted):
        if name not in definition.outputs:
            known = _join_names(set(definition.outputs))
            message = (
                f"output tensor alias not found in signature: {name} Outputs expected to be in the set {{{known}}}."
            )
            raise invalid_error(message)
        if name in wanted[:index]:
            raise invalid_error(f"duplicate output tensor alias: {name}")
    return wanted or sorted(definition.outputs)


def _join_names(names: set[str]) -> str:
    return ",".join(sorted(names))


def _count_rows(definition: SignatureDef, inputs: Mapping[str, np.ndarray]) -> int:
    """Return how many rows a request has; 0 where the signature or the request is not by rows."""
    infos = [*definition.inputs.values(), *definition.outputs.values()]
    batched = all(info.tensor_shape.dim and info.tensor_shape.dim[0].size == -1 for info in infos)
    lengths = {len(array) if array.ndim else 0 for array in inputs.values()}
    return lengths.pop() if batched and len(lengths) == 1 else 0


def not_found_error(name: str, version: int | None) -> RuntimeFailure:
    """Return the error of a request that no loaded version answers."""
    wanted = f"Latest({name})" if version is None else f"Specific({name}, {version})"
    return RuntimeFailure("NOT_FOUND", f"Servable not found for request: {wanted}")
