"""Five tasks, one after the other."""

from __future__ import annotations

from tidemill import pipeline, task


@task
def greet(name: str) -> str:
    return f"hello {name}"


@task
def shout(text: str) -> str:
    return text.upper()


@pipeline
def hello() -> str:
    text = greet("world")
    for _ in range(4):
        text = shout(text)
    return text
