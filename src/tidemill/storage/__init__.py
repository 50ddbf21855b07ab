"""Where state lives: the database, the bytes of artifacts, and logs."""
