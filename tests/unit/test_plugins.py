"""Adapters by name."""

from __future__ import annotations

from importlib.metadata import EntryPoint

import pytest

from tidemill import plugins
from tidemill.core.errors import NotFound
from tidemill.executors.inline import InlineExecutor


def test_ours_are_found() -> None:
    assert plugins.load("executors", "inline") is InlineExecutor
    assert plugins.load("executors", "processes").name == "processes"
    assert {"inline", "processes"} <= set(plugins.names("executors"))


def test_a_wrong_name_is_told_with_the_right_one() -> None:
    with pytest.raises(NotFound, match="there is no executor 'proceses'") as caught:
        plugins.load("executors", "proceses")
    assert caught.value.remedy == "did you mean 'processes'?"


@pytest.mark.parametrize(
    ("target", "words", "remedy"),
    [
        ("no_such_library:X", "needs no_such_library", "pip install no_such_library"),
        ("tidemill.plugins:Nope", "has no Nope", ""),
    ],
)
def test_an_adapter_of_another_package(monkeypatch: pytest.MonkeyPatch, target: str, words: str, remedy: str) -> None:
    def entry_points(*, group: str) -> list[EntryPoint]:
        return [EntryPoint("mine", target, group)] if group == "tidemill.executors" else []

    monkeypatch.setattr(plugins, "entry_points", entry_points)
    assert "mine" in plugins.names("executors")
    with pytest.raises(plugins.PluginUnusable, match=words) as caught:
        plugins.load("executors", "mine")
    assert caught.value.remedy == remedy


def test_our_own_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(name: str) -> None:
        raise ModuleNotFoundError("no", name="ray.data")

    monkeypatch.setattr(plugins.importlib, "import_module", fail)
    with pytest.raises(plugins.PluginUnusable) as caught:
        plugins.load("executors", "processes")
    assert caught.value.remedy == "pip install 'tidemill[ray]'"
