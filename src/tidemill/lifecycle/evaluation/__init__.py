"""How good a model is, and whether that is good enough: metrics, charts, gates. Needs the extra `ml`."""
