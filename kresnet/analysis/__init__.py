"""Instruments: is the backward pass what the mathematics says, and where does the gradient go."""
