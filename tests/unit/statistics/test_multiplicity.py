"""Holm and Benjamini-Hochberg: the adjusted p-values of statsmodels and scipy, in the order given."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import false_discovery_control
from statsmodels.stats.multitest import multipletests

from tidemill.core.errors import InputError
from tidemill.statistics.multiplicity import benjamini_hochberg, holm


@settings(max_examples=25, deadline=None)  # statsmodels is slow
@given(st.lists(st.one_of(st.floats(0.0, 1.0), st.sampled_from([0.0, 0.01, 0.05, 1.0])), min_size=1, max_size=40))
def test_the_adjusted_p_values(p: list[float]) -> None:
    np.testing.assert_allclose(holm(p), multipletests(p, method="holm")[1], atol=1e-12)
    np.testing.assert_allclose(benjamini_hochberg(p), false_discovery_control(p), atol=1e-12)
    assert (benjamini_hochberg(p) <= holm(p) + 1e-12).all()


def test_the_order_is_that_of_the_question() -> None:
    assert holm([0.04, 0.01, 0.02]) == pytest.approx([0.04, 0.03, 0.04])
    assert benjamini_hochberg([0.04, 0.01, 0.02]) == pytest.approx([0.04, 0.03, 0.03])


def test_nothing_to_adjust() -> None:
    assert holm([]).size == benjamini_hochberg([]).size == 0
    assert holm([0.03]) == pytest.approx([0.03])


@pytest.mark.parametrize(("p", "words"), [([0.1, np.nan], "1 of 2 values"), ([1.2], "p-values"), ([[0.1]], "2 d")])
def test_what_is_no_p_value_is_refused(p: list[float], words: str) -> None:
    for adjust in (holm, benjamini_hochberg):
        with pytest.raises(InputError, match=words):
            adjust(p)
