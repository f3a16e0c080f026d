"""The throughput of a run, from its calls to the device."""

from __future__ import annotations

import json

from kresnet.training.loop.throughput import Throughput


def test_the_call_that_compiles_counts_only_where_there_is_no_other() -> None:
    throughput = Throughput()
    throughput.add(10.0, 100, 1.0)
    assert throughput.figures() == {"images_per_second": 10.0, "input_wait": 0.1}
    throughput.add(1.0, 100, 0.5)
    throughput.add(3.0, 100, 0.5)
    assert throughput.figures() == {"images_per_second": 50.0, "input_wait": 0.25}
    throughput.reset()
    throughput.add(2.0, 100, 0.0)
    assert throughput.figures() == {"images_per_second": 50.0, "input_wait": 0.0}


def test_an_epoch_that_another_process_began_has_the_throughput_of_both() -> None:
    before, after = Throughput(), Throughput()
    before.add(10.0, 100, 1.0)
    after.restore(json.loads(json.dumps(before.sums())))
    assert after.figures() == {"images_per_second": 10.0, "input_wait": 0.1}
    before.add(2.0, 100, 0.5)
    after.restore(before.sums())
    after.add(10.0, 100, 1.0)  # which compiles
    assert after.figures() == {"images_per_second": 50.0, "input_wait": 0.25}
    after.add(2.0, 300, 0.5)
    assert after.figures() == {"images_per_second": 100.0, "input_wait": 0.25}
    after.reset()
    assert after.figures()["images_per_second"] == 10.0
