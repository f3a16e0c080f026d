"""The version is the one that is installed, and a valid one."""

from __future__ import annotations

import importlib.metadata

from packaging.version import Version

import kresnet
from kresnet.version import __version__


def test_the_version_is_that_of_the_installed_package():
    assert Version(__version__) == Version(importlib.metadata.version("kresnet"))
    assert kresnet.__version__ == __version__
