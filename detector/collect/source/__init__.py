"""Read lines: paths go in, Blocks of whole lines with exact offsets come out, resumable from a saved Position.

A *stream* is one log: a file and its rotated siblings, read one after the other.
"""
