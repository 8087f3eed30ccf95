"""Remember, in event time and within bounds, what detection compares with: windows, accounts, sources."""
