"""The command line: a skin over `actions`. Knows terminals, exit codes and JSON documents; decides nothing."""
