"""Pictures of a pipeline: one description of what is drawn, and three ways to draw it. No terminal, no file."""
