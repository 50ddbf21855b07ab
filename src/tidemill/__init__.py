"""Tidemill: the whole life of a machine-learning model as one system."""
