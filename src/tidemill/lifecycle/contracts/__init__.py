"""Contracts: what data must be like, who answers for it, and what happens if it is not.

`model` and `plain` know no table; `checking` needs the extra `ml`. Nothing here knows of runs or of the database.
"""

from __future__ import annotations
