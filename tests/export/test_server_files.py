"""The server's settings are text protos that its own messages take, and are never written over."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import Any

import pytest
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, text_format, wrappers_pb2

from kresnet.export.server_files import (
    BATCHING_CONFIG,
    MODELS_CONFIG,
    MONITORING_CONFIG,
    list_models,
    write_server_files,
)
from kresnet.serving.protos import ModelServerConfig

_FIELD = descriptor_pb2.FieldDescriptorProto
_INT64_VALUE = ".google.protobuf.Int64Value"

#: What tensorflow-serving-api does not carry of tensorflow_serving/config/monitoring_config.proto and
#: servables/tensorflow/session_bundle_config.proto, the fields that a user of these files may meet:
#: message -> field -> (number, type, repeated).
_MESSAGES: dict[str, dict[str, tuple[int, Any, bool]]] = {
    "BatchingParameters": {
        "max_batch_size": (1, _INT64_VALUE, False),
        "batch_timeout_micros": (2, _INT64_VALUE, False),
        "max_enqueued_batches": (3, _INT64_VALUE, False),
        "num_batch_threads": (4, _INT64_VALUE, False),
        "allowed_batch_sizes": (6, _FIELD.TYPE_INT64, True),
    },
    "MonitoringConfig": {"prometheus_config": (1, "PrometheusConfig", False)},
    "PrometheusConfig": {"enable": (1, _FIELD.TYPE_BOOL, False), "path": (2, _FIELD.TYPE_STRING, False)},
}


@pytest.fixture(scope="module")
def messages() -> dict[str, Any]:
    file = descriptor_pb2.FileDescriptorProto(name="serving.proto", package="serving", syntax="proto3")
    file.dependency.append(wrappers_pb2.DESCRIPTOR.name)
    for message, fields in _MESSAGES.items():
        declared = file.message_type.add(name=message)
        for name, (number, kind, repeated) in fields.items():
            label = _FIELD.LABEL_REPEATED if repeated else _FIELD.LABEL_OPTIONAL
            field = declared.field.add(name=name, number=number, label=label)
            if isinstance(kind, str):
                field.type, field.type_name = _FIELD.TYPE_MESSAGE, kind if kind[0] == "." else f".serving.{kind}"
            else:
                field.type = kind
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(wrappers_pb2.DESCRIPTOR.serialized_pb)
    pool.Add(file)
    return {name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"serving.{name}")) for name in _MESSAGES}


def test_the_files_are_what_the_servers_messages_take(messages: dict[str, Any], tmp_path: Path) -> None:
    base = tmp_path / 'odd "name"' / "tiny"
    base.mkdir(parents=True)
    write_server_files(base)
    kinds = {
        MODELS_CONFIG: ModelServerConfig,
        BATCHING_CONFIG: messages["BatchingParameters"],
        MONITORING_CONFIG: messages["MonitoringConfig"],
    }
    parsed = {name: text_format.Parse((base / name).read_text(), kind()) for name, kind in kinds.items()}
    [config] = parsed[MODELS_CONFIG].model_config_list.config
    assert (config.name, config.base_path, config.model_platform) == ("tiny", str(base), "tensorflow")
    assert config.model_version_policy.latest.num_versions == 2
    batching = parsed[BATCHING_CONFIG]
    assert batching.allowed_batch_sizes[-1] == batching.max_batch_size.value  # else the server refuses to start
    assert list(batching.allowed_batch_sizes) == sorted(batching.allowed_batch_sizes)
    assert parsed[MONITORING_CONFIG].prometheus_config.enable
    with pytest.raises(text_format.ParseError):
        text_format.Parse((base / BATCHING_CONFIG).read_text(), messages["MonitoringConfig"]())


def test_all_models_are_listed_until_a_user_keeps_the_list(tmp_path: Path) -> None:
    def listed() -> list[str]:
        parsed = text_format.Parse((tmp_path / MODELS_CONFIG).read_text(), ModelServerConfig())
        return [one.base_path for one in parsed.model_config_list.config]

    for name in ("one/1", "two/7", "empty/notes"):
        (tmp_path / name).mkdir(parents=True)
    list_models(tmp_path)
    assert listed() == [str(tmp_path / "one"), str(tmp_path / "two")]
    (tmp_path / "three" / "1").mkdir(parents=True)
    list_models(tmp_path, PurePosixPath("/models"))
    assert listed() == ["/models/one", "/models/three", "/models/two"]
    (tmp_path / MODELS_CONFIG).write_text("# mine")
    list_models(tmp_path)
    assert (tmp_path / MODELS_CONFIG).read_text() == "# mine"


def test_what_a_user_edited_is_kept(tmp_path: Path) -> None:
    (tmp_path / BATCHING_CONFIG).write_text("mine")
    write_server_files(tmp_path)
    assert (tmp_path / BATCHING_CONFIG).read_text() == "mine"
    assert (tmp_path / MODELS_CONFIG).exists()
