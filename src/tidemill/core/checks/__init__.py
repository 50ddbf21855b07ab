"""The rules of `core.check`, one small function each, grouped by what they look at. Pure, like all of the core."""
