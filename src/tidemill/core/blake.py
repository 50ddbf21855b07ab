"""The hash that names everything here, from where `hashlib` has it too: without OpenSSL, which that would load."""

from __future__ import annotations

try:
    from _blake2 import blake2b
except ImportError:
    # A Python that was built without it; what `hashlib` offers then is the best there is.
    from hashlib import blake2b

__all__ = ["blake2b"]
