"""`tf.Example`s: made from REST's JSON, and unpacked for a model, by TF Serving's rules."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from kresnet.serving.json_messages import format_value
from kresnet.serving.protos import Example, Input
from kresnet.serving.rapid_json import RepeatedKeys
from kresnet.serving.request_json import decode_base64, invalid_error, is_base64, json_type_name, well_formed


def read_examples(document: Mapping[str, Any]) -> Input:
    """Return the examples of the body of a Classify or Regress request.

    Raises:
        RuntimeFailure: INVALID_ARGUMENT.
    """
    if "examples" not in document:
        expected = "When method is classify, key 'examples' is expected and was not found"
        raise invalid_error(f"JSON Value: {format_value(document)} {expected}")
    examples = document["examples"]
    if not isinstance(examples, list):
        raise invalid_error(f"JSON Value: {format_value(document)} Expecting 'examples' value to be an list/array")
    if not examples:
        raise invalid_error(f"JSON Value: {format_value(document)} 'examples' value is an empty array")
    made = [_make_example(values) for values in examples]
    request = Input()
    if "context" in document:
        request.example_list_with_context.context.CopyFrom(_make_example(document["context"]))
        request.example_list_with_context.examples.extend(made)
    else:
        request.example_list.examples.extend(made)
    return request


def serialize_examples(request: Input) -> np.ndarray:
    """Return the examples as a model takes them, each after the context: `bytes` in an `object` array `(N,)`.

    Raises:
        RuntimeFailure: INVALID_ARGUMENT, where there is none.
    """
    context, examples = b"", request.example_list.examples
    if request.WhichOneof("kind") == "example_list_with_context":
        context = request.example_list_with_context.context.SerializeToString()
        examples = request.example_list_with_context.examples
    if not examples:
        raise invalid_error("Input is empty.")
    rows = np.empty(len(examples), object)
    rows[:] = [context + example.SerializeToString() for example in examples]
    return rows


def _make_example(values: Any) -> Example:
    if not isinstance(values, dict):
        raise invalid_error(f"Example must be JSON object but got JSON {json_type_name(values)}")
    example = Example()
    last = dict(values.members) if isinstance(values, RepeatedKeys) else values  # of a name given twice
    for given, content in last.items():
        feature = example.features.feature[name := well_formed(given)]
        for value in content if isinstance(content, list) else [content]:
            _add_value(feature, name, value)
    return example


def _add_value(feature: Any, name: str, value: Any) -> None:
    match value:
        case str() | dict() if isinstance(value, str) or is_base64(value):
            kind = "bytes_list"
        case int():  # true and false, too
            kind = "int64_list"
        case float():
            kind = "float_list"
        case _:
            raise invalid_error(f"Feature: {name} has element with unexpected JSON type: {json_type_name(value)}")
    held = feature.WhichOneof("kind")
    if held not in (None, kind):
        raise invalid_error(f"Unexpected element type in feature: {name} expecting type: {held.removesuffix('_list')}")
    if isinstance(value, dict):
        value = decode_base64(value)
    elif isinstance(value, str):
        value = value.encode(errors="surrogateescape")
    elif isinstance(value, bool):
        value = int(value)
    try:
        getattr(feature, kind).value.append(value)
    except ValueError:
        raise invalid_error(f"Feature: {name} has uint64_t element. Only int64_t is supported.") from None
