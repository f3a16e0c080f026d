"""The models of a directory: found, polled, looked up by name, version and label."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Iterable, Mapping
from pathlib import Path

from google.protobuf import text_format

from kresnet.errors import make_error
from kresnet.export.capi import RuntimeFailure
from kresnet.export.server_files import MODELS_CONFIG as CONFIG
from kresnet.files import translate_os_errors
from kresnet.serving.loaded_version import LoadedVersion, not_found_error
from kresnet.serving.models_dir import find_models, require_models
from kresnet.serving.protos import ModelConfig, ModelServerConfig, ModelSpec, ModelVersionStatus
from kresnet.serving.request_json import invalid_error
from kresnet.serving.served_model import LoadVersion, ServedModel

logger = logging.getLogger(__name__)


class ModelManager:
    """Keeps the models of `MODELS_DIR` loaded, or the one model whose own folder it is.

    No name of a request becomes a path: requests are looked up among the models found here.

    Raises:
        KresnetError: `model_unreadable`, where there is no model; `syntax`, for a `models.config` that is none.
    """

    def __init__(self, directory: Path, load: LoadVersion = LoadedVersion) -> None:
        self.directory, self._load = directory.absolute(), load
        self.models: dict[str, ServedModel] = {}
        self._unwanted: set[str] = set()
        self._add_models(require_models(directory))
        self._read_config(directory / CONFIG)

    async def poll(self, every_seconds: float) -> None:
        """Look at the directory again and again, until cancelled."""
        while True:
            await self.refresh()
            await asyncio.sleep(every_seconds)

    async def refresh(self) -> None:
        """Look at the directory once, and load and drop what has changed."""
        with contextlib.suppress(OSError):
            self._add_models(find_models(self.directory))
        for model in list(self.models.values()):
            await model.poll(self._load, wanted=model.name not in self._unwanted)

    async def close(self) -> None:
        """Drop every version, once its requests are answered."""
        for model in self.models.values():
            await model.poll(self._load, wanted=False)

    def find(self, spec: ModelSpec) -> LoadedVersion:
        """Return the loaded version that answers a request.

        Raises:
            RuntimeFailure: NOT_FOUND; INVALID_ARGUMENT for a missing name or an unknown label.
        """
        version = self._version_number(spec)
        if spec.name not in self.models:
            raise not_found_error(spec.name, version)
        return self.models[spec.name].find(version)

    def status(self, spec: ModelSpec) -> list[ModelVersionStatus]:
        """Return the state of the version whose number `spec` gives, or of all versions; a label is not looked at.

        Raises:
            RuntimeFailure: NOT_FOUND.
        """
        model = self.models.get(spec.name)
        states = model.status() if model else {}
        if spec.HasField("version"):
            version = spec.version.value
            if version not in states:
                raise RuntimeFailure("NOT_FOUND", f"Could not find version {version} of model {spec.name}")
            return [states[version]]
        if not states:
            raise RuntimeFailure("NOT_FOUND", f"Could not find any versions of model {spec.name}")
        return list(states.values())

    def configure(self, configs: Iterable[ModelConfig]) -> None:
        """Replace version policies and labels; a model that is left out is dropped at the next poll.

        Raises:
            RuntimeFailure: INVALID_ARGUMENT, where a config names a folder other than its model's own: no request may
                say what is read from the disk.
        """
        by_name = {config.name: config for config in configs}
        for name, config in by_name.items():
            own = self.models[name].base if name in self.models else None
            if own is None or (config.base_path and Path(config.base_path) != own):
                message = f"This server serves the models of its directory only; {name} at {config.base_path} is none."
                raise invalid_error(message)
        for name, model in self.models.items():
            model.config = by_name.get(name, model.config)
        self._unwanted = set(self.models) - set(by_name)

    def _version_number(self, spec: ModelSpec) -> int | None:
        if not spec.name:
            raise invalid_error("ModelSpec has no name specified.")
        match spec.WhichOneof("version_choice"):
            case "version":
                return spec.version.value
            case "version_label":
                labels = self.models[spec.name].config.version_labels if spec.name in self.models else {}
                if spec.version_label not in labels:
                    raise invalid_error(f"Unrecognized servable version label: {spec.version_label}")
                return labels[spec.version_label]
            case _:
                return None

    def _add_models(self, folders: Mapping[str, Path]) -> None:
        """Add the models that are not known yet."""
        for name, base in folders.items():
            if name not in self.models:
                self.models[name] = ServedModel(name, base)

    def _read_config(self, path: Path) -> None:
        """Take version policies and labels, as TF Serving's `--model_config_file` states them, but no `base_path`."""
        if not path.is_file():
            return
        with translate_os_errors(path):
            text = path.read_text(encoding="utf-8", errors="replace")
        try:
            parsed = text_format.Parse(text, ModelServerConfig())
        except text_format.ParseError as error:
            raise make_error("syntax", f"{path} is no ModelServerConfig: {error}.") from None
        for config in parsed.model_config_list.config:
            if config.name in self.models:
                self.models[config.name].config = config
            else:
                logger.warning("%s names a model %s that is not there", path, config.name)
