"""The machine's own limit: plain scripts, each the shortest honest way to do the work of a row; none knows Tidemill."""
