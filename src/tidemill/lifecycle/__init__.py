"""The life of a model on top of runs: contracts, evaluation, gates, decisions, registry. The engine knows none."""
