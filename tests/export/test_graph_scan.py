"""What a request can reach in a graph, found without running it."""

from __future__ import annotations

from pathlib import Path

import pytest
import tensorflow as tf

from kresnet.export.graph_scan import find_faults, reachable_nodes, read_meta_graph, stored_bytes
from kresnet.export.protos import SavedModel
from kresnet.export.saved_model import ExportResult


class _Counter(tf.Module):
    def __init__(self) -> None:
        super().__init__()
        self.count = tf.Variable(tf.zeros((3, 5)))

    @tf.function(input_signature=[tf.TensorSpec((None, 5), tf.float32, "x")])
    def add(self, x: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"y": x + self.count.assign_add(tf.ones((3, 5)))[:1]}

    @tf.function(input_signature=[tf.TensorSpec((None, 5), tf.float32, "x")])
    def read(self, x: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"y": x + self.count[:1]}


@pytest.mark.parametrize(("method", "changes"), [("add", True), ("read", False)])
def test_only_what_a_request_reaches_counts(method: str, changes: bool, tmp_path: Path) -> None:
    module = _Counter()
    tf.saved_model.save(module, str(tmp_path), {"serving_default": getattr(module, method)})
    graph = read_meta_graph(tmp_path)
    faults = find_faults(graph)
    assert any("changes the model's state" in fault for fault in faults) == changes
    assert len(faults) == changes
    assert any(node.op == "AssignAddVariableOp" for node in reachable_nodes(graph)) == changes
    assert stored_bytes(graph)[0] == 4 * 3 * 5


def test_a_real_export_has_no_fault(exported: ExportResult) -> None:
    graph = read_meta_graph(exported.path)
    assert find_faults(graph) == []
    assert {"Conv2D", "Softmax"} <= {node.op for node in reachable_nodes(graph)}


def test_a_graph_without_its_tag_is_told(tmp_path: Path) -> None:
    (tmp_path / "saved_model.pb").write_bytes(SavedModel().SerializeToString())
    with pytest.raises(ValueError, match="no graph tagged"):
        read_meta_graph(tmp_path)
