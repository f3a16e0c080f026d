"""Prometheus metrics under TF Serving's names, so that its dashboards show this server too."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Gauge, Histogram, generate_latest

METRICS_PATH = "/monitoring/prometheus/metrics"

#: Microseconds: 10 × 1.8ⁿ, as `servables/tensorflow/util.cc` has it.
_BUCKETS = tuple(10 * 1.8**power for power in range(33))


class ServerMetrics:
    """Counts the requests of one server, and measures their latency."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        # A gauge, since this library would end a counter's name in `_total`.
        self._requests = Gauge(
            ":tensorflow:serving:request_count",
            "The total number of requests.",
            ("model_name", "status"),
            registry=self._registry,
        )
        self._latency = Histogram(
            ":tensorflow:serving:request_latency",
            "Distribution of wall time (in microseconds) for Tensorflow Serving request.",
            ("model_name", "API", "entrypoint"),
            buckets=_BUCKETS,
            registry=self._registry,
        )

    def count_request(self, model: str, status: str, api: str, entrypoint: str, seconds: float) -> None:
        """Count an answered request.

        Args:
            model: one that is served, or "": a client's word would let it make metrics without bound.
            status: name of the status code.
            api: `Predict`, `Classify`, ...
            entrypoint: `REST` or `GRPC`.
            seconds: from its arrival to its answer.
        """
        self._requests.labels(model, status).inc()
        if status == "OK":
            self._latency.labels(model, api, entrypoint).observe(seconds * 1e6)

    def render(self) -> bytes:
        """Return the page that Prometheus reads."""
        return generate_latest(self._registry)
