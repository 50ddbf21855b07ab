"""Versions of models and the aliases that point to them: append-only, moved by compare-and-set, every move kept."""
