"""Watch a detector that runs: `watch` gathers its figures, `health` judges by them, `exporter` answers who asks."""
