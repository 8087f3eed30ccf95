"""Put the detector to the test: simulate portals, evaluate alerts. Imported by none of the rest."""
