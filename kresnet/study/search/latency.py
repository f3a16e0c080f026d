"""Latencies of candidates, each distinct network measured once on a machine, and kept in the search's directory."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
from pathlib import Path
from typing import Any

from kresnet.cores import usable_cores
from kresnet.errors import make_error
from kresnet.files import json_digest, read_lines, translate_os_errors
from kresnet.plan import Plan
from kresnet.processor import cpu_name, cpu_units
from kresnet.python_processes import child_environment, python_command
from kresnet.study.planned_runs import PlannedVariant


class LatencyTable:
    """Measured latencies; what is not known yet is measured by a process of its own, which stays for the next."""

    def __init__(self, directory: Path, batch: int) -> None:
        """Read what was measured before.

        Args:
            directory: of the search.
            batch: inputs of a request.
        """
        self._path, self._batch, self._machine = directory / "latency.jsonl", batch, _machine_name()
        self._known = {
            line["network"]: line["ms"]
            for line in read_lines(self._path)
            if line.get("machine") == self._machine and line.get("batch") == batch and "ms" in line
        }
        self._process: subprocess.Popen[str] | None = None

    def measure(self, variant: PlannedVariant) -> float:
        """Return the latency of a network in milliseconds, measured unless it is known.

        Raises:
            KresnetError: `internal` if the network cannot be measured.
        """
        key = network_digest(variant.plan)
        if key not in self._known:
            answer = self._ask({"spec": variant.spec.document(), "batch": self._batch})
            if "ms" not in answer:
                why = answer.get("problem", "the process ended")
                raise make_error("internal", f"The latency of a candidate could not be measured: {why}.",
                                 remedy="leave `latency_ms` out of the constraints")  # fmt: skip
            line = {"network": key, "machine": self._machine, **answer}
            with translate_os_errors(self._path), self._path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(line) + "\n")
                file.flush()
                os.fsync(file.fileno())
            self._known[key] = answer["ms"]
        return self._known[key]

    def close(self) -> None:
        """End the process that measures, so that it takes nothing from what is trained."""
        if self._process is not None:
            with contextlib.suppress(OSError):
                assert self._process.stdin
                self._process.stdin.close()
            self._process.wait()
            self._process = None

    def _ask(self, request: dict[str, Any]) -> dict[str, Any]:
        if self._process is None:
            self._process = subprocess.Popen(
                python_command("kresnet.export.latency"),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
                env=child_environment({"CUDA_VISIBLE_DEVICES": "-1"}),
            )
        assert self._process.stdin
        assert self._process.stdout
        try:
            self._process.stdin.write(json.dumps(request) + "\n")
            self._process.stdin.flush()
            answer: dict[str, Any] = json.loads(self._process.stdout.readline() or "{}")
        except (OSError, ValueError):
            return {}
        return answer


def network_digest(plan: Plan) -> str:
    """Return a digest of what a network computes, whatever it is called."""
    records = [record.as_dict() for record in plan.records]
    return json_digest([records, dict(plan.outputs)])[:32]


def _machine_name() -> str:
    """What latencies depend on beside the network: the processor, its units, and how many cores may be used."""
    return f"{cpu_name()} ({', '.join(cpu_units())}), {len(usable_cores())} cores"


__all__ = ["LatencyTable", "network_digest"]
