from __future__ import annotations

import pytest

from tidemill.engine.outstanding import Outstanding


def test_what_is_out_holds_its_part_of_the_slots() -> None:
    out = Outstanding()
    assert not out
    out.begin("r.1", "r")
    out.begin("r.2", "r", weight=0.25)
    out.begin("s.1", "s", weight=0.25)
    assert out.weight == 1.5
    assert "r.2" in out
    assert (out.run_of("s.1"), out.run_of("nobody")) == ("s", "")
    assert out.attempts() == ["r.1", "r.2", "s.1"]
    assert out.attempts("r") == ["r.1", "r.2"]
    out.end("r.1")
    assert (out.weight, out.attempts("r"), "r.1" in out) == (0.5, ["r.2"], False)


def test_a_limit_has_room_again_when_one_who_holds_it_ends() -> None:
    out = Outstanding()
    out.begin("r.1", "r", limits=("pool:gpu", "pool:disk"))
    out.begin("r.2", "r")
    out.full = {"pool:gpu", "pool:net"}
    out.end("r.2")
    assert out.full == {"pool:gpu", "pool:net"}
    out.end("r.1")
    assert out.full == {"pool:net"}


def test_what_is_not_out_cannot_end() -> None:
    out = Outstanding()
    out.begin("r.1", "r")
    out.end("r.1")
    with pytest.raises(KeyError):
        out.end("r.1")
