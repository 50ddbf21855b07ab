"""Makes a plan happen and survives a crash: pure decisions, one loop, recovery.

Knows the port of executors, never an executor.
"""
