"""The same work done by other tools, each in an environment of its own: `python -m bench.peers --help`."""
