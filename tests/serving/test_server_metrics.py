"""Metrics as Prometheus' own parser reads them."""

from __future__ import annotations

import pytest
from prometheus_client.parser import text_string_to_metric_families

from kresnet.serving.server_metrics import ServerMetrics

COUNT, LATENCY = ":tensorflow:serving:request_count", ":tensorflow:serving:request_latency"


def test_requests_are_counted_by_status_and_timed_where_they_are_answered() -> None:
    metrics = ServerMetrics()
    metrics.count_request("toy", "OK", "Predict", "REST", 0.002)
    metrics.count_request("toy", "OK", "Predict", "GRPC", 0.004)
    metrics.count_request("", "NOT_FOUND", "Predict", "REST", 0.001)
    families = {family.name: family for family in text_string_to_metric_families(metrics.render().decode())}
    counts = {(one.labels["model_name"], one.labels["status"]): one.value for one in families[COUNT].samples}
    assert counts == {("toy", "OK"): 2, ("", "NOT_FOUND"): 1}
    sums = [one for one in families[LATENCY].samples if one.name == f"{LATENCY}_sum"]
    assert {one.labels["entrypoint"]: one.value for one in sums} == pytest.approx({"REST": 2000, "GRPC": 4000})
