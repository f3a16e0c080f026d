"""What is measured inside a training step: batch-norm agreement, gradient flow, the first layer that is not finite."""
