"""The registry as people use it: looking at models and versions, moving aliases, saying who had one when."""
