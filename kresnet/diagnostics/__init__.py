"""Checks and explanations on request: batch norm, gradients, Grad-CAM."""
