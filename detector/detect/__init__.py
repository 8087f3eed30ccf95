"""Think about events given their context: rules match, models score, both give SIGNAL frames."""
