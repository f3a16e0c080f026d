"""One training step: the forward and the backward pass, the sum over replicas, clipping and the update."""
