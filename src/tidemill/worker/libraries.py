"""The folders of Python and of what is installed, without `sysconfig`, which loads the whole story of its build."""

from __future__ import annotations

import os
import site
import sys

_NAME = f"python{sys.version_info.major}.{sys.version_info.minor}"


def library_folders() -> frozenset[str]:
    """Those of this Python and, in a virtual environment, of the one that it was made from."""
    prefixes = {sys.prefix, sys.exec_prefix, sys.base_prefix, sys.base_exec_prefix}
    below = {os.path.join(prefix, folder, _NAME) for prefix in prefixes for folder in ("lib", sys.platlibdir)}
    return frozenset({os.path.dirname(os.__file__), *below, *site.getsitepackages()})
