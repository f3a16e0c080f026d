"""Faults done to runs on purpose, and what is lost by them: `python -m tests.faults`."""
