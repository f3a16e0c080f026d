"""Weights & Biases' own record of an offline run has what the run has told it."""

from __future__ import annotations

import json
import struct

from kresnet.runs.run_directory import RunDirectory
from kresnet.training import fit
from kresnet.training.loop.progress import RunOutput
from tests.training.small_runs import vector_run

_BLOCK, _HEADER = 32768, 7


def records(path):
    """The records of a `.wandb` file: protocol buffers in a log as LevelDB writes it, behind seven bytes of its own."""
    from wandb.proto import wandb_internal_pb2  # which takes seconds, of every process that collects this file

    data, place, parts = path.read_bytes(), 7, b""
    while place + _HEADER <= len(data):
        if _BLOCK - place % _BLOCK < _HEADER:
            place += _BLOCK - place % _BLOCK
            continue
        _, length, kind = struct.unpack("<IHB", data[place : place + _HEADER])
        parts += data[place + _HEADER : place + _HEADER + length]
        place += _HEADER + length
        if kind in (1, 4):  # whole, or the last part
            yield wandb_internal_pb2.Record.FromString(parts)
            parts = b""


def history(found):
    return [
        {".".join(item.nested_key) or item.key: json.loads(item.value_json) for item in record.history.item}
        for record in found if record.HasField("history")
    ]  # fmt: skip


def test_a_run_and_its_resumption_are_of_one_name_and_hold_the_history(tmp_path):
    directory = RunDirectory(tmp_path / "watched")
    run = vector_run(tmp_path, trackers=[{"kind": "wandb", "project": "small", "model": True}])
    fit.start(directory, run, None, RunOutput())
    fit.resume(RunDirectory(directory.path), None, RunOutput(), length=("epochs", 3))
    files = sorted(directory.path.glob("wandb/offline-run-*/*.wandb"))
    assert len(files) == 2
    assert len({path.name for path in files}) == 1
    first, second = ([*records(path)] for path in files)
    (begun,) = [record.run for record in first if record.HasField("run")]
    assert (begun.project, begun.display_name) == ("small", "watched")
    assert files[0].name == f"run-{begun.run_id}.wandb"
    config = {".".join(item.nested_key) or item.key: json.loads(item.value_json) for item in begun.config.update}
    assert config["optimizer.kind"] == "sgd"
    points = [*history(first), *history(second)]
    assert [(point["step"], point["epoch"], point["train/loss"]) for point in points] == [
        (line["step"], line["epoch"], line["train"]["loss"]) for line in directory.history.epochs()
    ]
    kept = {file.path for record in (*first, *second) if record.HasField("files") for file in record.files.files}
    assert {"spec.yaml", "recipe.yaml", "plan.json", "model.keras"} <= kept
    assert [record.exit.exit_code for record in second if record.HasField("exit")] == [0]
