"""`detector rules schema`: the JSON Schema with which an editor checks rules while they are written."""

import json

import click

EPILOG = """\b
Example:
  detector rules schema > my-rules/rule.schema.json

Then tell the editor. Any with the YAML language server (VS Code, Neovim, Emacs, Helix...) takes it from a first line
in the rule file:

\b
  # yaml-language-server: $schema=rule.schema.json

or for all files from its settings:

\b
  "yaml.schemas": {"my-rules/rule.schema.json": "my-rules/**/*.yml"}"""


@click.command("schema", epilog=EPILOG)
def schema_rules() -> None:
    """Print the JSON Schema of rule files: every field, modifier and key. It ships as rules/rule.schema.json.

    What needs more than one file, such as a rule that another counts, is left to `detector check`.
    """
    from detector.detect.rules.editor import schema

    click.echo(json.dumps(schema(), indent=2))
