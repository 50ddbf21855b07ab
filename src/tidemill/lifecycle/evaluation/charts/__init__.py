"""Charts of answers as SVG text that needs nothing else: no script, no font, no address. Light and dark."""
