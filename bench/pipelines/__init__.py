"""The pipelines that are measured, as a user would write them."""
