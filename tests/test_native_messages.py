"""What libraries write on stderr past Python is kept from users, but for what a crash leaves."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from kresnet.native_messages import is_noise
from tests.command import kresnet, kresnet_process

SPEC = """name: tiny
input: {shape: [16, 16, 3]}
stem: {kind: conv, width: 8, kernel: 3, stride: 2}
block: {kind: basic}
stages: [{blocks: 1, width: 8}]
head: {classes: 2}
recipe: ./short.yaml
"""
RECIPE = """name: short
data: {kind: folder, path: data, on_unreadable: skip}
steps: 2
batch_size: 4
optimizer: {kind: sgd, learning_rate: 0.05}
"""

NOISE = [
    b"2026-11-27 00:58:42.123456: E external/local_xla/xla/stream_executor/cuda/cuda_fft.cc:467] Unable to register",
    b"2026-11-27 00:58:42.123456: I tensorflow/core/platform/cpu_feature_guard.cc:210] This TensorFlow binary is",
    b"To enable the following instructions: AVX2 FMA, in other operations, rebuild TensorFlow.",
    b"WARNING: All log messages before absl::InitializeLog() is called are written to STDERR",
    b"E0000 00:00:1795742698.106525    6206 jpeg_mem.cc:331] Premature end of JPEG data. Stopped at line 14/64",
    b"W0000 00:00:1795742698.106525    6206 gpu_device.cc:2342] Cannot dlopen some GPU libraries.",
    b"\t [[{{function_node cond_true_349}}{{node cond/decode_image/DecodeImage}}]]",
    b"Corrupt JPEG data: 13 extraneous bytes before marker 0xd9",
    b"Warning: unknown JFIF revision number 9.01",
    b"Unsupported marker type 0x80",
    b"Premature end of JPEG file",
    b"libpng warning: iCCP: known incorrect sRGB profile",
]
TOLD = [
    b"munmap_chunk(): invalid pointer",
    b"F0000 00:00:1795742698.106525    6206 tensor.cc:1] Check failed: NDIMS == dims()",
    b"2026-11-27 00:58:42.123456: F tensorflow/core/framework/tensor.cc:1] Check failed",
    b"terminate called after throwing an instance of 'std::bad_alloc'",
    b"Fatal Python error: Segmentation fault",
    b"a.jpg is damaged, or an unusual kind of JPEG. [image_unreadable]",
]


def test_lines_of_libraries_are_noise_and_those_of_a_crash_are_not() -> None:
    assert [line for line in NOISE if not is_noise(line + b"\n")] == []
    assert [line for line in TOLD if is_noise(line + b"\n")] == []


@pytest.mark.parametrize(("level", "kept"), [(None, False), ("0", True)])
def test_what_a_crash_leaves_is_told(level: str | None, kept: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """The filter outlives the process; TensorFlow's own variable asks for everything."""
    monkeypatch.delenv("TF_CPP_MIN_LOG_LEVEL", raising=False)
    if level:
        monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", level)
    program = (
        "import os, sys; from kresnet import native_messages as messages\n"
        "messages.keep_apart(); messages.start_filter(); messages.start_filter()\n"
        "os.write(2, b'Corrupt JPEG data: x\\nmunmap_chunk(): '); print('Python', file=sys.stderr)\n"
        "os.write(2, b'invalid pointer'); os.abort()"
    )
    done = subprocess.run([sys.executable, "-c", program], stderr=subprocess.PIPE, text=True, timeout=60, check=False)
    assert done.returncode < 0
    assert "invalid pointer" in done.stderr
    assert "Python" in done.stderr
    assert ("Corrupt JPEG data" in done.stderr) == kept


def encoded(kind: str, seed: int) -> bytes:
    file = io.BytesIO()
    Image.fromarray(np.random.default_rng(seed).integers(0, 256, (32, 32, 3), np.uint8)).save(file, kind)
    return file.getvalue()


def write_damaged(folder: Path) -> tuple[list[Path], list[Path]]:
    """Write images that decoders complain of; return those that are decoded in spite of it, and those that are not."""
    jpeg, png = encoded("JPEG", 0), encoded("PNG", 0)
    decoded = {
        "extra.jpg": jpeg[:-2] + bytes(9) + jpeg[-2:],
        "revision.jpg": jpeg.replace(b"JFIF\0\x01", b"JFIF\0\x09"),
    }
    refused = {
        "truncated.jpg": jpeg[: len(jpeg) // 2],
        "marker.jpg": jpeg[:400] + b"\x12\xff\xd0\x00\xff\x80\x7f" + jpeg[407:],
        "truncated.png": png[: len(png) // 2],
        "sum.png": png[:200] + bytes([png[200] ^ 255]) + png[201:],
        "bomb.png": png[:16] + (11_000).to_bytes(4) * 2 + png[24:],  # Pillow warns of it
    }
    for name, data in {**decoded, **refused}.items():
        (folder / name).write_bytes(data)
    return [folder / name for name in decoded], [folder / name for name in refused]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A folder with a run on data some of which are damaged, and what `fit` wrote on stderr."""
    folder = tmp_path_factory.mktemp("noise")
    (folder / "tiny.yaml").write_text(SPEC)
    (folder / "short.yaml").write_text(RECIPE)
    for split in ("train", "test"):
        for name in ("a", "b"):
            place = folder / "data" / split / name
            place.mkdir(parents=True)
            for number in range(4):
                (place / f"{number}.jpg").write_bytes(encoded("JPEG", number))
            write_damaged(place)
    done = kresnet_process("fit", "tiny.yaml", "-o", "run", cwd=folder)
    assert done.returncode == 0, done.stderr
    return folder, done.stderr


def noise_in(text: str) -> list[str]:
    lines = text.splitlines()
    return [line for line in lines if is_noise(line.encode()) or "Warning" in line or "warnings.warn" in line]


def test_fit_tells_what_it_leaves_out_and_nothing_else(trained: tuple[Path, str]) -> None:
    _, told = trained
    assert noise_in(told) == []
    assert "truncated.jpg" in told


@pytest.mark.parametrize("verb", ["evaluate", pytest.param("report", marks=pytest.mark.slow)])
def test_verbs_on_damaged_data_are_silent(verb: str, trained: tuple[Path, str]) -> None:
    folder, _ = trained
    done = kresnet(verb, "run", cwd=folder)
    assert done.returncode == 0, done.stderr
    assert noise_in(done.stderr) == []


@pytest.mark.parametrize("verb", ["predict", "explain"])
def test_verbs_on_damaged_images_name_each_in_one_sentence(
    verb: str, trained: tuple[Path, str], tmp_path: Path
) -> None:
    folder, _ = trained
    decoded, refused = write_damaged(tmp_path)
    given = refused if verb == "predict" else refused[:1]
    out = ["-o", tmp_path / "out"] if verb == "explain" else []
    done = kresnet(verb, "run", *decoded, *given, *out, cwd=folder)
    assert done.returncode == 2
    assert done.stderr.splitlines()[0].startswith(f"{refused[0]} is damaged")
    assert noise_in(done.stderr) == []
    problems = [line for line in done.stderr.splitlines() if "[image_unreadable]" in line]
    assert [Path(line.split(" is ")[0]) for line in problems] == given
