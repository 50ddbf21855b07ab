"""An engine killed at every crash point goes on where it was, and nobody can tell from the result."""
