"""Say whose files were displayed: archives go in, a Finding and the list of tokens come out, nothing is changed.

`sift` leaves only the lines that may matter to the reader, `displays` says which of them displayed somebody, `units`
keeps who looked from where, `whose` tells the attacker from the professional, `gaps` what the archives lack.
"""
