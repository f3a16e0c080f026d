"""A library that is missing is named with what installs it: the systems are simulated, but for this machine's own."""

from __future__ import annotations

import ctypes
import ctypes.util

import pytest

from kresnet.diagnostics.device_check.libraries import LIBRARIES, CudaSystem, check_libraries
from kresnet.diagnostics.device_check.part import DeviceContext


class _Function:
    """Stands for a C function that writes a number, or returns one."""

    def __init__(self, value):
        self.value = value

    def __call__(self, *arguments):
        if arguments:
            arguments[-1]._obj.value = self.value
        return self.value


class _Library:
    def __init__(self, value):
        self.value = value

    def __getattr__(self, name):
        return _Function(self.value)


class System(CudaSystem):
    """A machine with a driver, and all libraries but some."""

    def __init__(self, missing=(), *, driver=("13.0", 1), gpus=1, cudnn=90800):
        self.missing, self.shown, self.visible, self.cudnn = missing, driver, gpus, cudnn

    def build(self):
        return {"is_cuda_build": True, "cuda_version": "12.5.1", "cudnn_version": "9"}

    def open(self, soname):
        return None if soname in self.missing else _Library(self.cudnn if "cudnn" in soname else 12050)

    def driver(self):
        return self.shown

    def gpus(self):
        return self.visible

    def compiler(self):
        return {"ptxas": "12.5", "libdevice": "somewhere"}


def check(tmp_path, system, log=None):
    return check_libraries(DeviceContext(True, tmp_path, log=log), system)


def test_nothing_missing_passes_with_versions(tmp_path):
    result = check(tmp_path, System())
    assert result.verdict == "passed"
    assert (result.figures["libcudart.so.12"], result.figures["libcudnn.so.9"]) == ("12.5", "9.8.0")


@pytest.mark.parametrize(
    ("missing", "install"),
    [
        (["libcudnn.so.9"], "pip install nvidia-cudnn-cu12"),
        (
            ["libcublas.so.12", "libcublasLt.so.12", "libcufft.so.11"],
            "pip install nvidia-cublas-cu12 nvidia-cufft-cu12",
        ),
        ([library.soname for library in LIBRARIES], "pip install 'kresnet[gpu]'"),
    ],
)
def test_a_missing_library_is_named_with_what_installs_it(tmp_path, missing, install):
    log = tmp_path / "log"
    log.write_text("W gpu_device.cc:1] Cannot dlopen some GPU libraries\nsomething else\n")
    result = check(tmp_path, System(missing, gpus=0), log)
    assert (result.verdict, result.remedy) == ("failed", install)
    assert missing[0] in result.detail
    assert "Cannot dlopen" in result.detail
    assert "something else" not in result.detail


def test_what_is_needed_for_several_gpus_only_is_not_missed_on_one(tmp_path):
    missing = ["libnccl.so.2", "libcupti.so.12"]
    assert check(tmp_path, System(missing)).verdict == "passed"
    result = check(tmp_path, System(missing, driver=("13.0", 2), gpus=2))
    assert (result.verdict, result.remedy) == ("failed", "pip install nvidia-nccl-cu12")


@pytest.mark.parametrize(
    ("system", "words"),
    [
        (System(driver=("11.8", 1)), "the driver is for CUDA 11.8"),
        (System(cudnn=80907), "cuDNN is 8.9.7"),
        (System(gpus=0), "although all its libraries open"),
    ],
)
def test_what_does_not_fit_is_told(tmp_path, system, words):
    result = check(tmp_path, system)
    assert result.verdict == "failed"
    assert words in result.detail


def test_without_a_driver_or_a_gpu_kresnet_trains_on_the_cpu(tmp_path, monkeypatch):
    assert "CPU" in check(tmp_path, System(driver=None)).detail
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "-1")
    result = check(tmp_path, System(driver=("13.0", 0), gpus=0))
    assert result.verdict == "skipped"
    assert "CUDA_VISIBLE_DEVICES=-1" in result.detail


def test_this_machine_is_looked_at_by_the_loader(tmp_path):
    system = CudaSystem()
    assert isinstance(system.open(ctypes.util.find_library("m")), ctypes.CDLL)
    assert system.open("libabsent.so.1") is None
    assert check_libraries(DeviceContext(True, tmp_path)).verdict in ("passed", "skipped")
