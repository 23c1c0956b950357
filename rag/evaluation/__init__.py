"""Evaluation: question sets, metrics, and the runs that hold configurations against each other."""
