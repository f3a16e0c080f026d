"""What a run is, and how it is written and restored."""

from kresnet.checkpoint.background import BackgroundWriter
from kresnet.checkpoint.store import Checkpoint, CheckpointStore, Damaged

__all__ = ["BackgroundWriter", "Checkpoint", "CheckpointStore", "Damaged"]
