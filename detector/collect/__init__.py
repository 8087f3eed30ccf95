"""Turn lines into events: files, followed logs or standard input go in, EVENT frames in event time and counted rejects come out."""
