"""What a trace says of a GPU, on traces written by hand."""

from __future__ import annotations

import pytest
from tensorflow.tsl.profiler.protobuf import xplane_pb2

from benchmarks.kernel_profile import kernel_profile

#: Stream -> (kernel, begin, duration), in microseconds. The second stream copies while and after kernels run.
STREAMS = {
    "Stream #7(Compute)": [
        ("void cudnn::fprop<float>(int)", 0, 100),
        ("loop_add_fusion_12", 100, 50),
        ("loop_add_fusion_7", 200, 50),
        ("input_reduce_fusion", 240, 60),
    ],
    "Stream #9(MemcpyH2D)": [("MemcpyH2D", 280, 40)],
    "XLA Ops": [("loop_add_fusion_12", 0, 5000)],
}


def space_of(plane_name: str) -> xplane_pb2.XSpace:
    space = xplane_pb2.XSpace()
    plane = space.planes.add(name=plane_name)
    for stream, events in STREAMS.items():
        line = plane.lines.add(name=stream, timestamp_ns=1000)
        for name, begin, duration in events:
            key = len(plane.event_metadata) + 1
            plane.event_metadata[key].name = name
            line.events.add(metadata_id=key, offset_ps=begin * 10**6, duration_ps=duration * 10**6)
    return space


def test_a_trace_of_a_gpu() -> None:
    found = kernel_profile(space_of("/device:GPU:0"), steps=2)
    assert found
    assert (found.span, found.busy) == pytest.approx((0.16, 0.125))
    assert found.copying == pytest.approx(0.01)  # of 40 µs, 20 beside a kernel
    assert found.times["loop_add_fusion"] == pytest.approx(0.05)
    assert found.counts["loop_add_fusion"] == 1
    assert found.kinds()["convolutions and products"] == pytest.approx(0.05)
    assert found.kinds()["reductions"] == pytest.approx(0.03)
    text = "\n".join(found.lines(1))
    assert "kernels 0.12, only copying 0.01, nothing to do 0.02 (15.6%); 2.5 kernels and copies." in text
    assert "| `cudnn::fprop<float>` | 0 | 0.05 | 33.3% |" in text
    assert found.as_dict()["kernels"][0]["ms"] == pytest.approx(0.05)


def test_a_trace_without_a_gpu() -> None:
    assert kernel_profile(space_of("/host:CPU"), steps=2) is None
