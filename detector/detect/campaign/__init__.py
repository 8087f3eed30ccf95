"""Find accounts that are abused together: new at one source, network or client, and looking up whom a thief would.

No account need be over its own limit. Each account's look-ups from a place that is new to it are weighed against its
own clientele; how many of a key's newcomers show such evidence is held against how many of such newcomers usually do.
A moved hospital brings many newcomers with their usual patients; a swarm brings newcomers with everybody's.
"""
