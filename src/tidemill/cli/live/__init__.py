"""A run while it goes on: what is known of it, and the two ways to show that, on a screen or as lines."""
