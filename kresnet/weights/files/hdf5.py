"""Keras's files of weights, read by h5py: nothing is unpickled, no layer is made, no link out of the file followed."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from zipfile import ZIP_STORED, ZipFile

import h5py
import numpy as np

from kresnet.plan.records import record_name
from kresnet.weights.files.hdf5_check import require_readable_hdf5
from kresnet.weights.files.keras_config import LayerConfig, read_layer_configs, with_record_names
from kresnet.weights.files.keras_graph import OperationGraph, read_operation_graph
from kresnet.weights.files.tensor import WeightTensor

#: Keras writes `.keras` archives uncompressed, and weights hardly compress; more than this is no honest file.
_MAX_EXPANSION = 20

_NORM_VARIABLES = ("gamma", "beta", "moving_mean", "moving_variance")
#: A network of a thousand layers is described in five million bytes.
_MAX_CONFIG_BYTES = 64 * 1024**2


def read_keras_archive(
    path: Path, stack: ExitStack
) -> tuple[dict[str, WeightTensor], dict[str, LayerConfig], OperationGraph | None]:
    """Read a `.keras` file without unpacking it: tensors and layers' configurations by name, and its operations.

    Args:
        path: path of the file.
        stack: closes what is opened here.

    Raises:
        ValueError: if a part of the archive claims an absurd size, or is not what Keras writes.
    """
    with ZipFile(path) as file:
        for name in ("model.weights.h5", "config.json"):
            info = file.getinfo(name)
            if info.compress_type != ZIP_STORED and info.file_size > _MAX_EXPANSION * max(info.compress_size, 1):
                raise ValueError(f"its {name} claims {info.file_size:,} bytes in {info.compress_size:,}")
        if (size := file.getinfo("config.json").file_size) > _MAX_CONFIG_BYTES:
            raise ValueError(f"its config.json has {size:,} bytes")
        weights = io.BytesIO(file.read("model.weights.h5"))
        description = with_record_names(file.read("config.json"))
    return read_tensors(weights, stack), read_layer_configs(description), read_operation_graph(description)


def read_keras_hdf5(
    path: Path, stack: ExitStack
) -> tuple[dict[str, WeightTensor], dict[str, LayerConfig], OperationGraph | None]:
    """Read an HDF5 file of weights as `read_keras_archive` reads its own; only one of a whole model has the rest.

    Args:
        path: path of the file.
        stack: closes what is opened here.

    Raises:
        ValueError: what `read_tensors` raises, or if its description is not what Keras writes.
    """
    tensors = read_tensors(path, stack)
    with h5py.File(path, "r") as root:
        description = root.attrs.get("model_config", "")
    if not isinstance(description, str | bytes) or not description:
        return tensors, {}, None
    text = description.encode() if isinstance(description, str) else description
    if len(text) > _MAX_CONFIG_BYTES:
        raise ValueError(f"its model_config has {len(text)} bytes")
    return tensors, read_layer_configs(text), read_operation_graph(text)


def read_tensors(file: Path | io.BytesIO, stack: ExitStack) -> dict[str, WeightTensor]:
    """Read the tensors of an HDF5 file by `LAYER/VARIABLE`, in Keras 3's arrangement or that of Keras 2.

    Args:
        file: the file, or its content.
        stack: closes what is opened here.

    Raises:
        ValueError: if it holds neither, keeps its data elsewhere, or is damaged so that reading it would not end.
    """
    require_readable_hdf5(file)
    root = stack.enter_context(h5py.File(file, "r"))
    tensors: dict[str, WeightTensor] = {}
    for layer, datasets in _layer_datasets(root):
        names = _variable_names([dataset.shape for dataset in datasets])
        for name, dataset in zip(names, datasets, strict=True):
            if not isinstance(dataset, h5py.Dataset) or dataset.external or dataset.is_virtual:
                raise ValueError(f"the data of {dataset.name} are in another file")
            if (key := f"{layer}/{name}") in tensors:
                raise ValueError(f"two layers are named {layer}")
            tensors[key] = _weight_tensor(key, dataset)
    if not tensors:
        raise ValueError("there are no layers with weights in it")
    return tensors


def _weight_tensor(name: str, dataset: h5py.Dataset) -> WeightTensor:
    kind = dataset.attrs.get("dtype", dataset.dtype.name)  # Keras stores bfloat16 as two bytes, and says so here

    def read() -> np.ndarray:
        array = np.asarray(dataset[()])
        if kind == "bfloat16":
            import ml_dtypes

            return array.view(ml_dtypes.bfloat16)
        return array

    return WeightTensor(name, tuple(dataset.shape), str(kind), read)


def _layer_datasets(root: h5py.File) -> Iterator[tuple[str, list[h5py.Dataset]]]:
    """Yield each layer's name and its variables, in the order in which the layer made them."""
    if "layer_names" in root.attrs or "model_weights" in root:
        yield from _keras_2_layer_datasets(_member(root, "model_weights") if "model_weights" in root else root)
        return
    groups: list[h5py.Group] = []
    root.visititems(lambda path, item: groups.append(item) if path.endswith("/vars") else None)
    for group in groups:
        names = group.name.strip("/").split("/")
        if "optimizer" in names or "seed_generator" in names or not len(group):
            continue
        if (name := group.attrs.get("name")) is None:
            raise ValueError("its layers have no names: it was written by a Keras older than 3.4")
        yield record_name(str(name)), [_member(group, key) for key in sorted(group, key=int)]


def _keras_2_layer_datasets(root: h5py.Group) -> Iterator[tuple[str, list[h5py.Dataset]]]:
    """Yield the same for Keras 2's arrangement, in which keras.applications still publishes its weights."""
    for layer in map(_as_text, root.attrs["layer_names"]):
        group = _member(root, layer)
        within: dict[str, list[h5py.Dataset]] = {}  # a model that is a layer has the weights of its own layers
        for path in map(_as_text, group.attrs["weight_names"]):
            place = path.rpartition("/")[0]
            within.setdefault(place, []).append(_member(group, path))
        for place, datasets in within.items():
            yield layer if len(within) == 1 else place.rpartition("/")[2], datasets


def _member(group: h5py.Group, path: str) -> Any:
    """Return the member at `path`. Links are not followed: in HDF5 they may lead to other files."""
    for name in path.strip("/").split("/"):
        if not isinstance(group.get(name, getlink=True), h5py.HardLink):
            raise ValueError(f"{name} is a link, or is not there")
        group = group[name]
    return group


def _as_text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


def _variable_names(shapes: list[tuple[int, ...]]) -> list[str]:
    """Return the names of a layer's variables, which the file only numbers, from their shapes; a norm has 1, 2 or 4."""
    if len(shapes[0]) > 1 and len(shapes) <= 2:
        return ["kernel", "bias"][: len(shapes)]
    if all(len(shape) == 1 for shape in shapes) and len(shapes) in (1, 2, 4):
        return list(_NORM_VARIABLES[: len(shapes)])
    return [str(index) for index in range(len(shapes))]


__all__ = ["read_keras_archive", "read_keras_hdf5", "read_tensors"]
