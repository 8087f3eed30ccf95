"""Score how surprising an account's day is, from what it and its peers did on closed days.

Every model of an account here subclasses River's `AnomalyDetector`, scores before it learns, answers None while it is
cold, and keeps its state as plain numbers. What is learned of the portal as a whole (`Gaps`, `Unrest`) begins from what
is assumed instead, and is never cold.
"""
