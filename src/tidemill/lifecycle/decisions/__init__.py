"""Decisions: what a gate (or another judge) decided, as a chain of canonical records that can be judged again."""
