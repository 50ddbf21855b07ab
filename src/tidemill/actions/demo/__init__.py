"""The demo: the life of one model, told step by step, on the example `diagnosis`."""
