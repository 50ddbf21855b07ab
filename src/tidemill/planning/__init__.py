"""From graph and known results to what should happen next. Pure: no database, file, clock or network."""
