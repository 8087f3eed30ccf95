"""A receiver in a process of its own: it says its URL, and at the end of its input how many alerts it has.

python receiving.py NAME
"""

import sys

from tests.emit.sinks import http_vendors

if __name__ == "__main__":
    with getattr(http_vendors, sys.argv[1])() as receiver:
        print(receiver.url, flush=True)
        sys.stdin.read()
    print(len(set(receiver.ids())))
