"""What every test begins with."""

from __future__ import annotations

import os

# Tables are as wide as COLUMNS says, which pytest-xdist sets, and many a shell exports.
for name in ("COLUMNS", "LINES"):
    os.environ.pop(name, None)
