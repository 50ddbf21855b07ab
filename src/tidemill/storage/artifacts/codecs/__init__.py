"""How Python values become bytes and back: one module for each family, loaded by name when it is needed."""
