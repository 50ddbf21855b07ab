"""A run as one page that needs nothing else: no script, no font, no address. Everything from outside is escaped."""
