"""What a run is, and how it is written and restored."""

from kresnet.checkpoint.store import Checkpoint, CheckpointStore

__all__ = ["Checkpoint", "CheckpointStore"]
