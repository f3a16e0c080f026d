"""The command line with all its verbs: `typer kresnet.cli.all_verbs utils docs` writes its reference."""

from kresnet.cli.main import command_line

app = command_line()
