"""One file for each step; the migration library finds them by their `revision` and `down_revision`."""
