"""Weights that others trained, by name: found, fetched, converted, verified and cached."""
