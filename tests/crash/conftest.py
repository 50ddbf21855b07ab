"""What the tests of this folder share says in detail what does not hold."""

from __future__ import annotations

import pytest

pytest.register_assert_rewrite("tests.crash.standing")
