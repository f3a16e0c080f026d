"""What a TensorFlow Lite file says about itself, and pixels as bytes at its ends; TensorFlow is not imported.

The metadata are those of `TFLITE_METADATA` (tflite-support's metadata_schema.fbs, version 1.1), which MediaPipe, ML Kit
and Android Studio read: what the input is, how it is to be normalised, and a file of labels. The file of labels lies in
a zip archive behind the model, so that `unzip -p FILE labels.txt` prints it too. `kresnet`, an entry beside it, holds
JSON with the rest.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.tools import flatbuffer_utils

LABELS = "labels.txt"
METADATA, OWN_METADATA = "TFLITE_METADATA", "kresnet"

#: Numbers of the schema: unions' members, and enumerations' values.
_IMAGE_PROPERTIES, _FEATURE_PROPERTIES, _NORMALIZATION, _AXIS_LABELS = 2, 1, 1, 2
_COLORS = {3: 1, 1: 2}

#: Adds a table of the schema to a builder, and returns where it lies.
Table = Callable[[flatbuffers.Builder], int]


def use_bytes_at_ends(content: bytes) -> bytes:
    """Return a file of int8 that takes and gives uint8 instead: pixels as they are, and probabilities times 256.

    int8 counts from -128 where uint8 counts from 0, so that nothing is rounded.
    """
    model = flatbuffer_utils.read_model_from_bytearray(content)
    graph = model.subgraphs[0]
    code = _operator_code(model, schema.BuiltinOperator.QUANTIZE)
    signature = model.signatureDefs[0]
    for ends, maps, first in ((graph.inputs, signature.inputs, True), (graph.outputs, signature.outputs, False)):
        for place, inner in enumerate(list(ends)):
            outer = _add_bytes_tensor(model, inner)
            operator = schema.OperatorT()
            operator.opcodeIndex = code
            operator.inputs, operator.outputs = ([outer], [inner]) if first else ([inner], [outer])
            graph.operators.insert(0 if first else len(graph.operators), operator)
            ends[place] = outer
            for each in maps:
                if each.tensorIndex == inner:
                    each.tensorIndex = outer
    return bytes(flatbuffer_utils.convert_object_to_bytearray(model))


def add_metadata(
    content: bytes,
    *,
    name: str,
    description: str,
    image_shape: Sequence[int] | None,
    class_names: Sequence[str],
    about: Mapping[str, Any],
) -> bytes:
    """Return a file with metadata.

    Args:
        content: the file.
        name: name of the network.
        description: a sentence about it.
        image_shape: `(H, W, C)`, where the input is an image of values 0-255, which the network itself normalises.
        class_names: of a classifier; they are the labels of its probabilities.
        about: JSON-ready values for whoever looks closer.
    """
    model = flatbuffer_utils.read_model_from_bytearray(content)
    graph, names = model.subgraphs[0], {}
    for each in (*model.signatureDefs[0].inputs, *model.signatureDefs[0].outputs):
        names[each.tensorIndex] = _text(each.name)
    labelled = [index for index in graph.outputs if class_names and names.get(index) == "probabilities"]
    inputs = [_tensor(names.get(index, "input"), _content(image_shape), normalized=bool(image_shape), labels=False)
              for index in graph.inputs]  # fmt: skip
    outputs = [
        _tensor(names.get(index, "output"), _content(None), normalized=False, labels=index in labelled)
        for index in graph.outputs
    ]
    builder = flatbuffers.Builder(1024)
    subgraph = _table(builder, 10, {2: _vector(inputs)(builder), 3: _vector(outputs)(builder)})
    fields = {0: builder.CreateString(name), 1: builder.CreateString(description), 3: _offsets(builder, [subgraph]),
              7: builder.CreateString("1.1.0")}  # fmt: skip
    builder.Finish(_table(builder, 8, fields), file_identifier=b"M001")
    _set_metadata(model, METADATA, bytes(builder.Output()))
    _set_metadata(model, OWN_METADATA, json.dumps(about, ensure_ascii=False).encode())
    model.description = description
    file = io.BytesIO(bytes(flatbuffer_utils.convert_object_to_bytearray(model)))
    if labelled:
        with zipfile.ZipFile(file, "a") as archive:
            archive.writestr(zipfile.ZipInfo(LABELS, (1980, 1, 1, 0, 0, 0)), "\n".join(class_names) + "\n")
    return file.getvalue()


def read_own_metadata(content: bytes) -> dict[str, Any]:
    """Return what `add_metadata` was told `about` the network; nothing of other files."""
    model = flatbuffer_utils.read_model_from_bytearray(content)
    for each in model.metadata or ():
        if _text(each.name) == OWN_METADATA:
            return dict(json.loads(bytes(model.buffers[each.buffer].data)))
    return {}


def _operator_code(model: Any, code: int) -> int:
    """The number of an operation in the file's list, to which it is added where it is missing."""
    for number, each in enumerate(model.operatorCodes):
        if flatbuffer_utils.get_builtin_code_from_operator_code(each) == code:
            return number
    added = schema.OperatorCodeT()
    added.builtinCode, added.deprecatedBuiltinCode, added.version = code, min(code, 127), 1
    model.operatorCodes.append(added)
    return len(model.operatorCodes) - 1


def _add_bytes_tensor(model: Any, index: int) -> int:
    """Add the uint8 tensor that stands for an int8 one; return its number."""
    graph = model.subgraphs[0]
    inner = graph.tensors[index]
    outer = schema.TensorT()
    outer.name = _text(inner.name) + "_uint8"
    outer.shape, outer.shapeSignature, outer.hasRank = inner.shape, inner.shapeSignature, inner.hasRank
    outer.type, outer.quantization = schema.TensorType.UINT8, schema.QuantizationParametersT()
    outer.quantization.scale = list(inner.quantization.scale)
    outer.quantization.zeroPoint = [int(each) + 128 for each in inner.quantization.zeroPoint]
    model.buffers.append(schema.BufferT())
    outer.buffer = len(model.buffers) - 1
    graph.tensors.append(outer)
    return len(graph.tensors) - 1


def _set_metadata(model: Any, name: str, data: bytes) -> None:
    buffer = schema.BufferT()
    buffer.data = np.frombuffer(data, np.uint8)
    model.buffers.append(buffer)
    entry = schema.MetadataT()
    entry.name, entry.buffer = name, len(model.buffers) - 1
    model.metadata = [*(model.metadata or ()), entry]


def _tensor(name: str, content: Table, *, normalized: bool, labels: bool) -> Table:
    """A `TensorMetadata`."""

    def build(builder: flatbuffers.Builder) -> int:
        fields = {0: builder.CreateString(name), 3: content(builder)}
        if normalized:  # the network does it itself: (x - 0) / 1
            options = _table(builder, 2, {0: _floats(builder, [0.0]), 1: _floats(builder, [1.0])})
            fields[4] = _offsets(builder, [_union(builder, _NORMALIZATION, options)])
        if labels:
            named = builder.CreateString(LABELS)
            builder.StartObject(4)
            builder.PrependUOffsetTRelativeSlot(0, named, 0)
            builder.PrependInt8Slot(2, _AXIS_LABELS, 0)
            fields[6] = _offsets(builder, [builder.EndObject()])
        return _table(builder, 7, fields)

    return build


def _content(image_shape: Sequence[int] | None) -> Table:
    """A `Content`: an image, or features."""

    def build(builder: flatbuffers.Builder) -> int:
        if image_shape is None:
            return _union(builder, _FEATURE_PROPERTIES, _table(builder, 0, {}))
        height, width, channels = image_shape
        builder.StartObject(2)
        builder.PrependUint32Slot(0, width or 0, 0)
        builder.PrependUint32Slot(1, height or 0, 0)
        size = builder.EndObject()
        builder.StartObject(2)
        builder.PrependInt8Slot(0, _COLORS.get(channels, 0), 0)
        builder.PrependUOffsetTRelativeSlot(1, size, 0)
        return _union(builder, _IMAGE_PROPERTIES, builder.EndObject())

    return build


def _union(builder: flatbuffers.Builder, member: int, value: int) -> int:
    """A table whose first two fields are a union's."""
    builder.StartObject(2)
    builder.PrependUint8Slot(0, member, 0)
    builder.PrependUOffsetTRelativeSlot(1, value, 0)
    return int(builder.EndObject())


def _table(builder: flatbuffers.Builder, slots: int, offsets: Mapping[int, int]) -> int:
    builder.StartObject(slots)
    for slot, offset in offsets.items():
        builder.PrependUOffsetTRelativeSlot(slot, offset, 0)
    return int(builder.EndObject())


def _vector(tables: Sequence[Table]) -> Table:
    return lambda builder: _offsets(builder, [table(builder) for table in tables])


def _offsets(builder: flatbuffers.Builder, offsets: Sequence[int]) -> int:
    builder.StartVector(4, len(offsets), 4)
    for offset in reversed(offsets):
        builder.PrependUOffsetTRelative(offset)
    return int(builder.EndVector())


def _floats(builder: flatbuffers.Builder, values: Sequence[float]) -> int:
    builder.StartVector(4, len(values), 4)
    for value in reversed(values):
        builder.PrependFloat32(value)
    return int(builder.EndVector())


def _text(name: Any) -> str:
    return name.decode() if isinstance(name, bytes) else str(name)


__all__ = ["LABELS", "add_metadata", "read_own_metadata", "use_bytes_at_ends"]
