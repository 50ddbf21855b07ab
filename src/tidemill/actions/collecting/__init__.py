"""Garbage collection: what may go by policy (decide), what there is (facts), its removal, and looking for damage."""
