"""Pages that a browser on this machine shows while their server runs: the editor, and runs under way."""
