"""Give persons back for tokens: tokens, a key and archives go in; identifiers come out, after the audit log has it.

`asked` reads the tokens, `searching` looks for them in the archives, `audit` keeps the log, `giving` joins them.
"""
