"""Makes a plan happen and survives a crash: pure decisions, one loop, recovery. Knows the executor's port, never an executor."""
