"""Turn lines into events: files, followed logs or standard input go in, EVENT frames and counted rejects come out."""
