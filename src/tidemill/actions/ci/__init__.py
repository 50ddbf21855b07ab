"""Continuous integration: a workflow for GitHub Actions, its twin on this machine, and gates on recorded numbers."""
