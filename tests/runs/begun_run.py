"""The resolved run that tests of a run's files begin."""

from __future__ import annotations

from dataclasses import replace

from kresnet.data.description import DataDescription
from kresnet.runs.resolved_run import resolve_run

DATA = DataDescription("abc", tuple("0123456789"), train_images=640, test_images=100)
RUN = replace(resolve_run("quickstart", "quickstart"), data=DATA)
