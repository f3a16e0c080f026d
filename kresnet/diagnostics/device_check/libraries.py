"""NVIDIA's libraries: which of those that this TensorFlow opens are found, in which version, and how to get the others.

TensorFlow opens them by name when it looks for GPUs, and shows no GPU where one is missing; it says which only in a log
that users do not see.
"""

from __future__ import annotations

import ctypes
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tensorflow as tf

from kresnet.diagnostics.device_check.part import REPORT_REMEDY, DeviceContext, PartResult

#: Reads a version from an open library.
ReadVersion = Callable[[Any], str]


@dataclass(frozen=True, slots=True)
class CudaLibrary:
    """A library that TensorFlow opens.

    Attributes:
        soname: the name that it is opened by.
        wheel: the wheel of NVIDIA's that holds it, without `nvidia-` and the number of CUDA.
        read_version: reads its version.
        several: whether it is needed only where a run has several GPUs.
        optional: whether training goes without it.
    """

    soname: str
    wheel: str
    read_version: ReadVersion
    several: bool = False
    optional: bool = False


def _by_pointer(symbol: str, kind: Any = ctypes.c_int, parts: tuple[int, ...] = (1000, 10)) -> ReadVersion:
    """Read a number by a function that writes it, as NVIDIA packs it: divided by each of `parts` in turn."""

    def read(library: Any) -> str:
        number = kind()
        getattr(library, symbol)(ctypes.byref(number))
        return _unpack(number.value, parts)

    return read


def _by_property(symbol: str) -> ReadVersion:
    """Read major, minor and patch level by a function that takes which, and writes it."""

    def read(library: Any) -> str:
        numbers = []
        for which in range(3):
            number = ctypes.c_int()
            getattr(library, symbol)(which, ctypes.byref(number))
            numbers.append(str(number.value))
        return ".".join(numbers)

    return read


def _by_value(symbol: str, parts: tuple[int, ...]) -> ReadVersion:
    def read(library: Any) -> str:
        function = getattr(library, symbol)
        function.restype = ctypes.c_size_t
        return _unpack(function(), parts)

    return read


def _unpack(number: int, parts: Iterable[int]) -> str:
    numbers = []
    for part in parts:
        above, number = divmod(number, part)
        numbers.append(str(above))
    return ".".join(numbers)


def _unknown(library: Any) -> str:
    return "found"


#: What TensorFlow 2.19 to 2.21 open, which were built for CUDA 12 and cuDNN 9.
LIBRARIES = (
    CudaLibrary("libcudart.so.12", "cuda-runtime", _by_pointer("cudaRuntimeGetVersion")),
    CudaLibrary("libcublas.so.12", "cublas", _by_property("cublasGetProperty")),
    CudaLibrary("libcublasLt.so.12", "cublas", _by_value("cublasLtGetVersion", (10000, 100, 1))),
    CudaLibrary("libcufft.so.11", "cufft", _by_property("cufftGetProperty")),
    CudaLibrary("libcusolver.so.11", "cusolver", _by_property("cusolverGetProperty")),
    CudaLibrary("libcusparse.so.12", "cusparse", _by_property("cusparseGetProperty")),
    CudaLibrary("libcudnn.so.9", "cudnn", _by_value("cudnnGetVersion", (10000, 100, 1))),
    CudaLibrary("libnvJitLink.so.12", "nvjitlink", _unknown),
    CudaLibrary("libnccl.so.2", "nccl", _by_pointer("ncclGetVersion", parts=(10000, 100, 1)), several=True),
    CudaLibrary("libcupti.so.12", "cuda-cupti", _by_pointer("cuptiGetVersion", ctypes.c_uint32, (1,)), optional=True),
)


class CudaSystem:
    """What is installed of NVIDIA's; a test may show another system."""

    def build(self) -> Mapping[str, Any]:
        """Return what this TensorFlow was built for."""
        return dict(tf.sysconfig.get_build_info())

    def open(self, soname: str) -> Any | None:
        """Open a library where TensorFlow finds it: where the loader looks, else in NVIDIA's wheels; else None."""
        beside = sorted((Path(tf.__file__).parents[1] / "nvidia").glob(f"*/lib/{soname}"))
        for name in (soname, *map(str, beside)):
            with suppress(OSError):
                return ctypes.CDLL(name)
        return None

    def driver(self) -> tuple[str, int] | None:
        """Return the version of CUDA that the driver is for, and how many GPUs it shows; None without a driver."""
        try:
            library = ctypes.CDLL("libcuda.so.1")
        except OSError:
            return None
        number, count = ctypes.c_int(), ctypes.c_int()
        if library.cuInit(0) == 0:
            library.cuDeviceGetCount(ctypes.byref(count))
        library.cuDriverGetVersion(ctypes.byref(number))
        return _unpack(number.value, (1000, 10)), count.value

    def gpus(self) -> int:
        """Return how many GPUs TensorFlow shows."""
        return len(tf.config.list_physical_devices("GPU"))

    def compiler(self) -> dict[str, str]:
        """Return what XLA needs to make kernels for NVIDIA's GPUs, by name: where it is, or that it is missing."""
        flags = re.findall(r"--xla_gpu_cuda_data_dir=(\S+)", os.environ.get("XLA_FLAGS", ""))
        wheels = Path(tf.__file__).parents[1] / "nvidia"
        homes = [*flags, wheels / "cuda_nvcc", os.environ.get("CUDA_HOME", ""), "/usr/local/cuda"]
        folders = [Path(home) for home in homes if str(home)]
        on_path = shutil.which("ptxas")
        ptxas = next((path for home in folders if (path := home / "bin/ptxas").is_file()), on_path and Path(on_path))
        libdevice = (home / "nvvm/libdevice/libdevice.10.bc" for home in folders)
        return {
            "ptxas": _ptxas_version(ptxas) if ptxas else "missing",
            "libdevice": str(next((path for path in libdevice if path.is_file()), "missing")),
        }


def _ptxas_version(path: Path) -> str:
    with suppress(OSError, subprocess.TimeoutExpired):
        said = subprocess.run([path, "--version"], capture_output=True, text=True, timeout=20, check=False).stdout
        if match := re.search(r"release (\S+?),", said):
            return match[1]
    return f"{path}, which does not run"


def check_libraries(context: DeviceContext, system: CudaSystem | None = None) -> PartResult:
    """Open what TensorFlow opens, and say what is missing and what installs it."""
    system = system or CudaSystem()
    build = system.build()
    figures: dict[str, float | str] = {
        f"built for {name}": str(build[key])
        for name, key in (("CUDA", "cuda_version"), ("cuDNN", "cudnn_version"))
        if build.get(key)
    }
    driver = system.driver()
    if driver is None or not build.get("is_cuda_build"):
        reason = "there is no NVIDIA driver" if driver is None else "this TensorFlow was built without CUDA"
        return PartResult("libraries", "skipped", figures, f"{reason}, so kresnet trains on the CPU")
    figures["driver is for CUDA"], figures["GPUs of the driver"] = driver
    missing, versions = _open_all(system, driver[1])
    figures |= versions | system.compiler()
    detail, remedy = _judge(build, driver, system.gpus(), missing, versions)
    if remedy:
        detail += "".join(f"\n{line}" for line in _log_lines(context.log))
        return PartResult("libraries", "failed", figures, detail, remedy)
    return PartResult("libraries", "passed" if driver[1] else "skipped", figures, detail)


def _open_all(system: CudaSystem, gpus: int) -> tuple[list[CudaLibrary], dict[str, str]]:
    """Return the libraries that are needed and missing, and the versions of all."""
    missing, versions = [], {}
    for library in LIBRARIES:
        handle = system.open(library.soname)
        versions[library.soname] = "missing"
        if handle is not None:
            versions[library.soname] = "found"
            with suppress(AttributeError):  # a library of this name without the function is a library all the same
                versions[library.soname] = library.read_version(handle)
        elif not library.optional and (gpus > 1 or not library.several):
            missing.append(library)
    return missing, versions


def _judge(
    build: Mapping[str, Any], driver: tuple[str, int], gpus: int, missing: list[CudaLibrary], versions: dict[str, str]
) -> tuple[str, str]:
    """Return what is found in a sentence, and what to do; nothing where nothing is to be done."""
    number, shown = driver
    cuda, cudnn = str(build.get("cuda_version", "")), str(build.get("cudnn_version", ""))
    if not shown:
        hidden = os.environ.get("CUDA_VISIBLE_DEVICES")
        because = f"CUDA_VISIBLE_DEVICES={hidden} hides them" if hidden is not None else "there may be none"
        return f"the driver shows no GPU ({because}), so kresnet trains on the CPU", ""
    if missing:
        wheels = sorted({f"nvidia-{library.wheel}-cu{cuda.partition('.')[0]}" for library in missing})
        names = ", ".join(library.soname for library in missing)
        every = len(missing) > len(LIBRARIES) // 2
        install = "pip install 'kresnet[gpu]'" if every else f"pip install {' '.join(wheels)}"
        return f"missing: {names}", install
    if int(number.partition(".")[0]) < int(cuda.partition(".")[0] or 0):
        return f"the driver is for CUDA {number}, and TensorFlow was built for {cuda}", "install a newer NVIDIA driver"
    found = versions["libcudnn.so.9"]
    if found[0].isdigit() and cudnn and found.partition(".")[0] != cudnn.partition(".")[0]:
        return f"cuDNN is {found}, and TensorFlow was built for {cudnn}", "pip install 'kresnet[gpu]'"
    if not gpus:
        detail = f"the driver shows {shown} GPUs and TensorFlow none, although all its libraries open"
        return detail, REPORT_REMEDY
    return f"TensorFlow shows {gpus} of {shown} GPUs", ""


def _log_lines(log: Path | None) -> list[str]:
    """Return what TensorFlow said of CUDA while it looked for GPUs."""
    if log is None:
        return []
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    return [line for line in lines if re.search(r"cuda|dso_loader|gpu|dlopen", line, re.IGNORECASE)][-12:]
