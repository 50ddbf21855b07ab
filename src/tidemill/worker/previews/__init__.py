"""Previews of what a task leaves, made where the value still is. Loaded only when an artifact has been kept."""
