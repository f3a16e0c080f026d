"""A loaded version is not freed while somebody needs it."""

import asyncio
import threading

import pytest

from kresnet.export.capi import RuntimeFailure
from kresnet.serving.loaded_version import LoadedVersion


def test_a_version_is_not_dropped_under_a_run_whose_client_has_gone():
    begun, may_end, events = threading.Event(), threading.Event(), []

    class Session:
        def run(self, signature, inputs):
            begun.set()
            may_end.wait(10)
            events.append("ran")
            return inputs

        def close(self):
            events.append("closed")

    servable = LoadedVersion.__new__(LoadedVersion)
    vars(servable).update(name="toy", version=1, _session=Session(), _users=0, _unused=asyncio.Event())
    vars(servable).update(_runs=0, _closed=False, _changed=threading.Condition())
    servable._unused.set()
    run = threading.Thread(target=servable._run, args=("serving_default", {}))
    run.start()
    begun.wait(10)
    threading.Timer(0.1, may_end.set).start()
    asyncio.run(servable.close())
    run.join()
    assert events == ["ran", "closed"]
    with pytest.raises(RuntimeFailure, match="NOT_FOUND"):
        servable._run("serving_default", {})
