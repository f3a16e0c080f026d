"""One training step: forward, backward, the sum over replicas, clipping, the update."""
