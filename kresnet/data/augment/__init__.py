"""Random changes of training images, each drawn in NumPy and applied in the graph to a whole batch of bytes."""
