"""Searches: candidates drawn and judged by their plans, and those that pass trained as ordinary runs."""
