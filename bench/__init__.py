"""Speed against the machine's own limit, measured in the same run: `make bench`, or `python -m bench --help`."""
