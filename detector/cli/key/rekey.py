"""`detector key rekey`: tokens of former keys under the current one, so that lists from before and after join."""

from pathlib import Path
from typing import Final

import click

from detector.cli.options import FILE, config_option, configured, with_samples

EPILOG: Final = """\b
Example:
  detector key rekey march.csv --key subject.key --from /var/log/nginx/access.log* --output march.now.csv"""


@click.command("rekey", epilog=EPILOG)
@click.argument("tokens", type=FILE)
@click.argument("more", nargs=-1, metavar="[ARCHIVE]...")
@click.option("--key", "key_file", type=FILE, required=True, metavar="FILE", help="It holds the former keys too.")
@click.option("--from", "archives", multiple=True, required=True, metavar="ARCHIVE...", help="Logs to look in.")
@click.option("--output", type=FILE, required=True, metavar="FILE", help="A CSV; only you may read it.")
@click.option("--no-progress", is_flag=True, help="No progress bar.")
@config_option
def rekey_key(
    tokens: Path,
    more: tuple[str, ...],
    key_file: Path,
    archives: tuple[str, ...],
    output: Path,
    no_progress: bool,
    config_file: Path | None,
    log_level: str | None,
) -> None:
    """Give TOKENS of former keys their token under the current one, from the raw ARCHIVES that they were made of.

    The output has a row a token: `former`, as in TOKENS, and `portal.subject`, the same person's under the current key;
    empty where the archives do not have the person. So lists written before and after a rotation can be counted as one.
    Nobody's identifier is written.
    """
    from detector.cli.files import replacing
    from detector.cli.progress import progress_bar
    from detector.cli.reveal import tell_answer
    from detector.collect.enrich.secret import read_secret
    from detector.collect.enrich.wanted import SUBJECT, Wanted, as_tokens
    from detector.emit.summary import tell_reading
    from detector.inquire.reveal.asked import read_tokens
    from detector.inquire.reveal.searching import Search
    from detector.telemetry import Telemetry

    config = configured(config_file, log_level)
    key, telemetry = read_secret(key_file), Telemetry()
    wanted = Wanted(config.portal.subjects, key.every, read_tokens(tokens), as_tokens(key))
    with progress_bar(shown=not no_progress) as show:
        search = Search(with_samples((*archives, *more)), config.input, telemetry, show)
        with replacing(output) as out:
            answer = search.write(out, wanted, ("former", SUBJECT))
    tell_reading(telemetry)
    tell_answer(answer, str(output))
