"""Fails while it is imported."""

from __future__ import annotations


def prepare() -> None:
    raise RuntimeError("no such table")


prepare()
