"""A blocklist as plain text: one address or account a line, remarks after `#`."""

from collections.abc import Iterable, Iterator

from detector.inquire.blocklist.record import Blocklist, Entry


def text(blocklist: Blocklist) -> str:
    """Return the list: addresses, then accounts. A name that is no plain line is left out with a remark."""
    lines = [f"# {remark}" for remark in blocklist.remarks()]
    return "\n".join((*lines, *_listed(blocklist.addresses), *_listed(blocklist.accounts))) + "\n"


def _listed(entries: Iterable[Entry]) -> Iterator[str]:
    for entry in entries:
        plain = entry.value.isprintable() and entry.value == entry.value.strip() and not entry.value.startswith("#")
        yield f"# {entry.why}"
        yield entry.value if plain else f"# left out, as it is no plain line: {entry.value!a}"
