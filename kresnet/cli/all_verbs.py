"""The command line with all its verbs: `typer kresnet.cli.all_verbs utils docs` writes its reference."""

from kresnet.cli.main import make_command_line

app = make_command_line()  # one of its own, since typer's documentation changes it
