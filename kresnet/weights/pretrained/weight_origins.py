"""From a name of weights to their file and the spec that they are of, whether on the hub, a server or this disk."""

from __future__ import annotations

import contextlib
import hashlib
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from kresnet.errors import KresnetError, make_error, nearest
from kresnet.files import cache_folder, digest, staged_directory
from kresnet.spec.architecture import Spec
from kresnet.spec.loading import LoadedDocument, load_spec
from kresnet.weights.pretrained.class_names import imagenet_class_names
from kresnet.weights.pretrained.hub import HubRepository, endpoint, unreachable_error
from kresnet.weights.pretrained.hub_config import HubModel, read_hub_model
from kresnet.weights.pretrained.keras_files import LICENCE, KerasFile, keras_file
from kresnet.weights.pretrained.timm_architectures import timm_facts
from kresnet.weights.pretrained.weight_names import WeightName

#: Files of weights that a repository may hold, the safest first.
_WEIGHTS = ("model.safetensors", "pytorch_model.bin", "pytorch_model.pth", "model.pth")


@dataclass(frozen=True, slots=True)
class WeightOrigin:
    """A whole file of weights, and what it is of.

    Attributes:
        file: path of the file.
        identity: what tells its content from any other's.
        verify: checks the content, and returns its SHA-256.
        loaded: the spec.
        layout: whose names the weights have.
        architecture: what their origin calls the network.
        class_names: names of the classes; empty where nothing gives them.
        licence: its name; empty where nothing says it.
        facts: where it came from, see `WeightsRecord.origin`.
        notes: what a user should know, a sentence each.
        arguments: timm's arguments of the network.
    """

    file: Path
    identity: str
    verify: Callable[[], str]
    loaded: LoadedDocument[Spec]
    layout: str
    architecture: str = ""
    class_names: tuple[str, ...] = ()
    licence: str = ""
    facts: dict[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    arguments: Mapping[str, Any] = field(default_factory=dict)


def find_origin(
    name: WeightName,
    *,
    spec: LoadedDocument[Spec] | None = None,
    test_size: bool = False,
    accept: Callable[[str], None] = lambda licence: None,
) -> WeightOrigin:
    """Find the weights that a name means, and fetch what of them is not here yet.

    Args:
        name: the name.
        spec: the network of a file at an address, which does not say it itself.
        test_size: as `read_hub_model` takes it.
        accept: called with the licence before weights are fetched; raises where it is not accepted.

    Raises:
        KresnetError: `weights_unknown`, `weights_access`, `weights_unreachable`, `model_unreadable`; `bad_option` for
            an address without a spec; what `accept` raises.
    """
    if test_size and name.kind not in ("hub", "folder"):
        raise make_error("bad_option", f"--test-size is for weights of timm, and {name.text} are none.",
                         remedy="leave it out")  # fmt: skip
    if name.kind == "hub":
        return _from_hub(name, test_size, accept)
    if name.kind == "folder":
        return _from_folder(name, test_size, accept)
    if name.kind == "keras":
        return _from_keras(name, accept)
    return _from_address(name, spec)


def describe_weights(name: WeightName, *, test_size: bool = False) -> tuple[HubModel, dict[str, str]]:
    """Return what weights are of and where they are, and fetch nothing large.

    Args:
        name: a name of the hub's, of Keras's, or of a folder.
        test_size: as `read_hub_model` takes it.

    Raises:
        KresnetError: as `find_origin`; `bad_option` for an address.
    """
    if name.kind == "hub":
        return _hub_model(name, test_size)
    if name.kind == "folder":
        folder = Path(name.target).resolve()
        return _folder_model(name, test_size), {"folder": str(folder)}
    if name.kind == "keras":
        return _keras_model(name), {"address": keras_file(name.target).address}
    raise make_error("bad_option", f"{name.text} is a file of weights, which says nothing of itself.",
                     remedy="kresnet convert FILE --spec SPEC -o model.keras, of the file")  # fmt: skip


def _hub_model(name: WeightName, test_size: bool) -> tuple[HubModel, dict[str, str]]:
    repository = HubRepository(name.target, name.revision)
    try:
        config = repository.fetch("config.json")
    except KresnetError as error:
        raise _with_nearest(error, name) from None
    config.verify()
    card = _optional(HubRepository(name.target, config.commit), "README.md")
    model = read_hub_model(config.path, card, name.stem, name.target, test_size=test_size)
    return model, {"repository": name.target, "revision": name.revision or "main", "commit": config.commit,
                   "endpoint": endpoint()}  # fmt: skip


def _from_hub(name: WeightName, test_size: bool, accept: Callable[[str], None]) -> WeightOrigin:
    model, facts = _hub_model(name, test_size)
    accept(model.licence)
    file = HubRepository(name.target, facts["commit"]).fetch(*_WEIGHTS)  # all files are of one commit
    facts["file"] = file.path.name
    return _timm_origin(model, file.path, file.announced or digest(file.path), file.verify, facts)


def _with_nearest(error: KresnetError, name: WeightName) -> KresnetError:
    """Return the error with the nearest of the names that timm gives to weights."""
    if error.problems[0].code != "weights_unknown" or not name.text.startswith("timm/"):
        return error
    close = nearest(name.target.removeprefix("timm/"), list(timm_facts()["weights"]))
    return KresnetError(replace(error.problems[0], nearest=close and f"timm/{close}"))


def _optional(repository: HubRepository, file: str) -> Path | None:
    """Return a file that the repository may lack, and the cache of a machine without a network too."""
    try:
        found = repository.find(file)
    except KresnetError:
        return None
    return found.path if found else None


def _folder_model(name: WeightName, test_size: bool) -> HubModel:
    folder = Path(name.target).resolve()
    card = folder / "README.md" if (folder / "README.md").is_file() else None
    called = replace(name, target=str(folder)).stem
    return read_hub_model(folder / "config.json", card, called, "", test_size=test_size)


def _from_folder(name: WeightName, test_size: bool, accept: Callable[[str], None]) -> WeightOrigin:
    folder, model = Path(name.target).resolve(), _folder_model(name, test_size)
    accept(model.licence)
    file = next((folder / each for each in _WEIGHTS if (folder / each).is_file()), None)
    if file is None:
        raise make_error("file_missing", f"{folder} holds no weights.", expected=f"one of {', '.join(_WEIGHTS)}")
    found = digest(file)
    return _timm_origin(model, file, found, lambda: found, {"folder": str(folder), "file": file.name})


def _timm_origin(
    model: HubModel, file: Path, identity: str, verify: Callable[[], str], facts: dict[str, str]
) -> WeightOrigin:
    return WeightOrigin(file, identity, verify, model.loaded, "timm", model.architecture, model.class_names,
                        model.licence, facts, model.notes, model.arguments)  # fmt: skip


def _keras_model(name: WeightName) -> HubModel:
    file = keras_file(name.target)
    return HubModel(f"keras.applications.{file.model}", load_spec(file.spec), imagenet_class_names(), LICENCE, ())


def _from_keras(name: WeightName, accept: Callable[[str], None]) -> WeightOrigin:
    model, file = _keras_model(name), keras_file(name.target)
    accept(model.licence)
    path = _keras_download(name.text, file.address, file)
    return WeightOrigin(path, file.digest or digest(path), lambda: digest(path), model.loaded, "keras-applications",
                        model.architecture, model.class_names, model.licence,
                        {"address": file.address, "file": path.name})  # fmt: skip


def _from_address(name: WeightName, spec: LoadedDocument[Spec] | None) -> WeightOrigin:
    if spec is None:
        message = f"{name.text} is a file of weights, which does not say what network they are of."
        raise make_error("bad_option", message, remedy="kresnet fit SPEC --init ADDRESS; elsewhere --spec SPEC")
    key = name.sha256 or hashlib.sha256(name.target.encode()).hexdigest()
    folder = cache_folder() / "weights" / "files" / key[:24]
    file = Path(name.target).name or "weights"
    if not (folder / file).is_file():
        with staged_directory(folder) as staged:
            came = _keras_download(name.text, name.target, None, staged)
            found = digest(came)
            if name.sha256 and found != name.sha256:
                raise make_error("model_unreadable", f"What {name.target} gives is not what was meant.",
                                 expected=name.sha256, found=found)  # fmt: skip
            came.replace(staged / file)
            came.parent.rmdir()
    path = folder / file
    found = digest(path)
    return WeightOrigin(path, found, lambda: found, spec, "auto", facts={"address": name.target, "file": file})


def _keras_download(name: str, address: str, file: KerasFile | None, folder: Path | None = None) -> Path:
    """Fetch a file by `keras.utils.get_file`, into Keras's own cache or a folder, and return its path.

    Raises:
        KresnetError: `weights_unreachable`; `model_unreadable` for another file than Keras knows.
    """
    from kresnet.runtime import import_tensorflow

    import_tensorflow()
    import keras

    cache = str(folder) if folder else os.environ.get("KERAS_HOME")
    try:
        with contextlib.redirect_stdout(sys.stderr):
            return Path(keras.utils.get_file(None, address, file_hash=(file and file.digest) or None,
                                             hash_algorithm=file.algorithm if file else "auto", cache_dir=cache,
                                             cache_subdir="models"))  # fmt: skip
    except ValueError as error:
        raise make_error("model_unreadable", f"What {address} gives is not the file that Keras knows.",
                         expected=f"{file.algorithm} {file.digest}" if file else "",
                         remedy="the same again") from error  # fmt: skip
    except OSError as error:
        if error.errno is not None and not isinstance(error, ConnectionError | TimeoutError):
            raise
        raise unreachable_error(name, address, "there is no whole answer") from None
    except Exception as error:  # get_file raises Exception itself: "URL fetch failure on ADDRESS: 404 -- Not Found"
        reason = str(error).partition(f"{address}: ")[2].replace("None -- ", "").strip() or "there is no answer"
        raise unreachable_error(name, address, reason.replace(" -- ", " ")) from None


__all__ = ["WeightOrigin", "describe_weights", "find_origin"]
