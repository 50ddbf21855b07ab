"""Bytes by content, and codecs by type. Knows nothing of runs, tasks or the database."""
