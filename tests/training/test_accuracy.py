"""What the shipped recipes reach. Minutes each; `make test-slow`."""

import json
import os
from pathlib import Path

import pytest

from tests.command import kresnet

DATA = Path(os.environ.get("KRESNET_TEST_DATA", Path(__file__).resolve().parents[3] / "shared" / "data"))

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]


def fit(run: Path, *options: object, spec: str = "quickstart") -> dict:
    done = kresnet("fit", spec, "-o", run, "--json", *options, timeout=1800)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_the_demo_learns_the_embedded_images(tmp_path):
    assert fit(tmp_path / "run")["test"]["accuracy"] >= 0.85


@pytest.mark.skipif(not (DATA / "tfds" / "fashion_mnist").is_dir(), reason=f"no Fashion-MNIST in {DATA}/tfds")
def test_the_whole_of_fashion_mnist(tmp_path):
    options = ["--recipe", "fashion_mnist", "--set", f"recipe.data.data_dir={DATA / 'tfds'}"]
    assert fit(tmp_path / "run", *options)["test"]["accuracy"] >= 0.91


@pytest.mark.skipif(not (DATA / "tfds" / "cifar10_jpeg").is_dir(), reason=f"no CIFAR-10 in {DATA}/tfds")
def test_cifar_fast_on_jpeg_images(tmp_path):
    data = {"recipe.data.name": "cifar10_jpeg", "recipe.data.data_dir": DATA / "tfds"}
    options = ["--recipe", "cifar_fast", *(word for item in data.items() for word in ("--set", "{}={}".format(*item)))]
    assert fit(tmp_path / "run", *options, spec="cifar_resnet20")["test"]["accuracy"] >= 0.845
