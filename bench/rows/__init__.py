"""One file for each kind of work that is measured; `bench.listing` puts them in the order of the table."""
