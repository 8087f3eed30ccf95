"""`detector completion`: what a shell needs to complete commands, options and file names."""

import click
from click.shell_completion import BashComplete, FishComplete, ZshComplete

KINDS = {"bash": BashComplete, "fish": FishComplete, "zsh": ZshComplete}

EPILOG = """\b
Examples:
  detector completion bash > /etc/bash_completion.d/detector
  detector completion zsh > ~/.zfunc/_detector
  detector completion fish > ~/.config/fish/completions/detector.fish
  eval "$(detector completion bash)" """


@click.command(epilog=EPILOG)
@click.argument("shell", type=click.Choice(tuple(KINDS)))
def completion(shell: str) -> None:
    """Print the completion script of SHELL, to be read by it at its start. bash is 4.4 or later."""
    from detector.cli import main

    click.echo(KINDS[shell](main, {}, "detector", "_DETECTOR_COMPLETE").source())
