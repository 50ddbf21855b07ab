"""Mirrors: what is recorded here, shown in the tools of others too. Nothing comes back: ours is the record."""
