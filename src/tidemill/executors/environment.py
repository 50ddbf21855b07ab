"""The clean environment of task processes: an allow-list of what machines and libraries need, and what was given."""

from __future__ import annotations

import os
from collections.abc import Mapping

from tidemill.worker.arming import VARIABLE

_ALLOWED = frozenset(
    {
        "PATH",
        "HOME",
        "USER",
        "LOGNAME",
        "SHELL",
        "LANG",
        "LANGUAGE",
        "TZ",
        "TMPDIR",
        "TEMP",
        "TMP",
        "PYTHONPATH",
        "PYTHONUTF8",
        "PYTHONIOENCODING",
        "PYTHONDONTWRITEBYTECODE",
        "PYTHONPYCACHEPREFIX",
        "VIRTUAL_ENV",
        "CONDA_PREFIX",
        "LD_LIBRARY_PATH",
        "LD_PRELOAD",
        "SSL_CERT_FILE",
        "SSL_CERT_DIR",
        "REQUESTS_CA_BUNDLE",
        "CURL_CA_BUNDLE",
        "CUDA_HOME",
        "CUDA_VISIBLE_DEVICES",
        "OMP_NUM_THREADS",
        "MKL_NUM_THREADS",
        "OPENBLAS_NUM_THREADS",
        "NUMEXPR_NUM_THREADS",
        "no_proxy",
        "NO_PROXY",
        "TIDEMILL_CRASH",
        VARIABLE,
    }
)
_ALLOWED_BEGINNINGS = ("LC_", "XDG_", "NVIDIA_")

HASH_SEED = "0"
"""Fixed, so that the order of sets of texts is the same in every process and every attempt."""


def clean_environment(given: Mapping[str, str], outside: Mapping[str, str] | None = None) -> dict[str, str]:
    """What of the outside (by default this process's own) tasks may see, with what is `given` to them on top."""
    seen = os.environ if outside is None else outside
    kept = {name: text for name, text in seen.items() if name in _ALLOWED or name.startswith(_ALLOWED_BEGINNINGS)}
    return {**kept, "PYTHONHASHSEED": HASH_SEED, **given}
