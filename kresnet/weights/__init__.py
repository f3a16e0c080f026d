"""Weights that others trained: read from their files, matched with a plan, set into its model."""
