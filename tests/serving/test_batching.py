"""Requests that wait are run together, large ones in parts, and each gets its own rows."""

import asyncio
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from kresnet.export.capi import RuntimeFailure
from kresnet.serving.batching import RequestBatcher


def make_batcher(**options):
    settings = {"max_concurrent_runs": 1, "max_batch_rows": 8, "max_waiting_rows": 16} | options
    return RequestBatcher(ThreadPoolExecutor(2), **settings)


def test_what_arrives_during_a_run_is_the_next_batch_and_each_gets_its_own_rows():
    sizes = []

    def run(inputs):
        sizes.append(len(inputs["x"]))
        time.sleep(0.05)
        return {"y": inputs["x"] * 2}

    async def main():
        batcher = make_batcher()
        rows = [np.full((1 + n % 2, 3), n, np.float32) for n in range(9)]
        answers = await asyncio.gather(*(batcher.submit("k", run, {"x": x}, len(x)) for x in rows))
        for x, answer in zip(rows, answers, strict=True):
            np.testing.assert_array_equal(answer["y"], x * 2)

    asyncio.run(main())
    assert sum(sizes) == 13
    assert len(sizes) < 9
    assert max(sizes) <= 8


def test_a_large_request_is_dealt_out_among_the_free_runs():
    sizes, together = [], threading.Barrier(2, timeout=10)

    def run(inputs):
        sizes.append(len(inputs["x"]))
        if len(inputs["x"]) > 1:
            together.wait()
        return {"y": inputs["x"] * 2}

    async def main():
        batcher = make_batcher(max_concurrent_runs=2, max_batch_rows=64, max_waiting_rows=64)
        small, large = np.ones((1, 3), np.float32), np.arange(51, dtype=np.float32).reshape(17, 3)
        np.testing.assert_array_equal((await batcher.submit("k", run, {"x": small}, 1))["y"], small * 2)
        np.testing.assert_array_equal((await batcher.submit("k", run, {"x": large}, 17))["y"], large * 2)

    asyncio.run(main())
    assert sorted(sizes) == [1, 8, 9]


def test_a_bad_part_fails_the_request():
    def run(inputs):
        if (inputs["x"] > 20).any():
            raise RuntimeFailure("INVALID_ARGUMENT", "large")
        return {"y": inputs["x"]}

    async def main():
        batcher = make_batcher(max_concurrent_runs=2, max_batch_rows=64, max_waiting_rows=64)
        with pytest.raises(RuntimeFailure, match="large"):
            await batcher.submit("k", run, {"x": np.arange(32)}, 32)
        assert len((await batcher.submit("k", run, {"x": np.arange(16)}, 16))["y"]) == 16

    asyncio.run(main())


def test_a_bad_request_fails_alone():
    def run(inputs):
        if (inputs["x"] < 0).any():
            raise RuntimeFailure("INVALID_ARGUMENT", "negative")
        time.sleep(0.02)
        return {"y": inputs["x"]}

    async def main():
        batcher = make_batcher()
        requests = [batcher.submit("k", run, {"x": np.array([value])}, 1) for value in (1, 2, -1, 3)]
        return await asyncio.gather(*requests, return_exceptions=True)

    one, two, bad, three = asyncio.run(main())
    assert [answer["y"][0] for answer in (one, two, three)] == [1, 2, 3]
    assert bad.code == "INVALID_ARGUMENT"


def test_too_many_waiting_are_refused():
    async def main():
        batcher = make_batcher()
        wait = threading.Event()
        tasks = [
            asyncio.create_task(batcher.submit("k", lambda x: wait.wait() and x, {"x": np.zeros((8, 1))}, 8))
            for _ in range(4)
        ]
        await asyncio.sleep(0.05)
        wait.set()
        return await asyncio.gather(*tasks, return_exceptions=True)

    answers = asyncio.run(main())
    refused = [answer for answer in answers if isinstance(answer, RuntimeFailure)]
    assert [failure.code for failure in refused] == ["UNAVAILABLE"]
