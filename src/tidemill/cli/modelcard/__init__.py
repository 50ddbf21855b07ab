"""The card of a model as one page that needs nothing else: no script, no font, no address. Everything is escaped."""
