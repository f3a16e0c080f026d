"""The table of a GPU says what the results hold, and the page shows it once there are results."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks import gpu
from benchmarks.gpu_report import BEGIN, END, lines, table
from benchmarks.jobs import NETWORKS, Job
from kresnet.plan import plan_loaded
from kresnet.plan.memory_estimate import estimate_memory
from kresnet.spec.loading import load_spec

ROOT = Path(__file__).parents[2]


def contender(*rates: float, flops: float = 5e14) -> dict[str, Any]:
    return {
        "images_per_second": list(rates),
        "product_flops": flops,
        "peak_bytes": 3_000_000_000,
        "device_peak_bytes": 20_000_000_000,
        "first_step_seconds": 60.0,
        "versions": {"tensorflow": "2.21.0"},
    }


ENTRY = {
    "network": "resnet50",
    "precision": "bfloat16",
    "mode": "training",
    "batch": 256,
    "threads": 16,
    "commit": "abc",
    "measured": "2026-01-02",
    "contenders": {
        "kresnet_xla": contender(3000.0, 3200.0, 3100.0),
        "torch_compile": contender(3100.0, 3100.0, 3100.0, flops=6e14),
        "torch": contender(2000.0, 2000.0, 2000.0),
        "kresnet": contender(),  # failed before its first turn
    },
}
KNOWN = {
    "machine": {"processor": "P", "gpu": "1 × G", "python": "3.12"},
    "device": {"driver_version": "580", "memory.total": "81559 MiB"},
    "entries": [ENTRY],
}


def test_the_table_by_hand() -> None:
    text = table(KNOWN)
    assert (
        "| `resnet50`, batch 256, bfloat16 | 3,100 (3,000 to 3,200); 20.0 GB | 3,100 (3,100 to 3,100); 20.0 GB |"
        in text
    )
    assert "600 TFLOP/s" in text  # the faster product
    assert "1.00 (0.97 to 1.03) ×; goal 1: reached" in text
    share = 3100 * 6 * NETWORKS["resnet50"].macs / 6e14
    assert f"{share:.1%}; goal 0.45: missed" in text
    assert "1 × G (driver version 580, memory total 81559 MiB); P, 16 cores" in text
    assert "kresnet, no XLA" not in text  # took no turn
    assert "1.55 (1.50 to 1.60) ×" in "\n".join(lines(ENTRY))


def test_the_page_shows_the_committed_results() -> None:
    page, path = (ROOT / "docs/performance.md").read_text(), ROOT / "benchmarks/results/gpu.json"
    shown = page.split(BEGIN)[1].split(END)[0].strip()
    assert shown == (table(json.loads(path.read_text())) if path.exists() else "No figures yet.")


@pytest.mark.parametrize(("gib", "batch"), [(139, 256), (40, 64)])
def test_a_batch_is_halved_until_all_contenders_fit(gib: int, batch: int) -> None:
    entry = gpu.Entry("resnet50", "float32", 256, 0)
    found = gpu.fitting_batch(entry, {"memory.total": f"{gib * 1024} MiB"})
    needs = estimate_memory(plan_loaded(load_spec("resnet50")), found).total
    assert found == batch
    assert 3 * 1.6 * needs <= gib * 2**30


def test_a_contender_that_fails_is_left_out_and_told(capsys: pytest.CaptureFixture[str]) -> None:
    class Stub:
        def __init__(self, name: str, fails: bool) -> None:
            self.name, self.fails = name, fails

        def begin(self) -> None:
            pass

        def first_step(self) -> dict[str, Any]:
            if self.fails:
                raise SystemExit("no such library")
            return {"first_step_seconds": 1.0}

        def warm(self) -> dict[str, Any]:
            return {"step_seconds": 0.1, "product_flops": 1e12}

    found = gpu._ready([Stub("kresnet_xla", False), Stub("torch", True)])  # type: ignore[list-item]
    assert list(found) == ["kresnet_xla"]
    assert "torch failed: no such library" in capsys.readouterr().err


def test_jobs_name_every_contender() -> None:
    from benchmarks.jobs import CONTENDERS
    from benchmarks.worker import _MODULES

    assert set(gpu.CONTENDERS) <= set(CONTENDERS) == set(_MODULES)
    assert Job("kresnet_xla", "resnet50", "bfloat16", "training", 1, 1).as_dict()["contender"] == "kresnet_xla"
