"""Score how surprising an account's day is, from what it and its peers did on closed days.

Every model here subclasses River's `AnomalyDetector`, scores before it learns, answers None while it is
cold, and keeps its state as plain numbers.
"""
