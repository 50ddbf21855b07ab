"""The output of attempts: masked, numbered, capped, in one file each. Knows nothing of the database."""
