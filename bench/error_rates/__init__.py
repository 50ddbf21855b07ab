"""Whether the tests that gates use keep their promises: false passes at the border of the null, and power."""

from __future__ import annotations
