"""Codecs of scikit-learn models: skops, which runs no code from the file, and joblib where skops does not help."""

from __future__ import annotations

import warnings
from pathlib import Path

import joblib
import sklearn
import skops
import skops.io
from sklearn.base import BaseEstimator
from sklearn.exceptions import InconsistentVersionWarning

from tidemill.core.values import Json
from tidemill.storage.artifacts.codecs.canonical_skops import rewrite
from tidemill.storage.artifacts.codecs.codec import Metadata, Unsuitable, type_name
from tidemill.storage.artifacts.codecs.trusted import TRUSTED

_PARAMS = 100
_PARAM_LENGTH = 200


class SklearnCodec:
    """Estimators made of types that skops knows or `TRUSTED` names."""

    name = "sklearn"
    safe = True
    suffix = ".skops"

    def dump(self, value: object, target: Path) -> Metadata:
        raw = target.with_name(target.name + ".raw")
        try:
            skops.io.dump(value, raw)
            unknown = sorted(set(skops.io.get_untrusted_types(file=raw)) - set(TRUSTED))
            if unknown:
                raise Unsuitable(f"skops does not vouch for {', '.join(unknown)[:300]}")
            rewrite(raw, target)
        except Unsuitable:
            raise
        except Exception as error:
            # skops has no error of its own: each type it does not know fails in another way.
            raise Unsuitable(f"skops cannot keep it: {error}") from error
        finally:
            raw.unlink(missing_ok=True)
        return _describe(value) | {"library": {"scikit-learn": sklearn.__version__, "skops": skops.__version__}}

    def load(self, source: Path) -> object:
        with warnings.catch_warnings():
            # The record of the artifact tells this better, and to somebody who reads it.
            warnings.simplefilter("ignore", InconsistentVersionWarning)
            return skops.io.load(source, trusted=list(TRUSTED))


class JoblibCodec:
    """Any estimator. Loading runs code from the file."""

    name = "joblib"
    safe = False
    suffix = ".joblib"

    def dump(self, value: object, target: Path) -> Metadata:
        try:
            joblib.dump(value, target)
        except Exception as error:
            raise Unsuitable(f"joblib cannot keep it: {error}") from error
        return _describe(value) | {"library": {"scikit-learn": sklearn.__version__, "joblib": joblib.__version__}}

    def load(self, source: Path) -> object:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", InconsistentVersionWarning)
            return joblib.load(source)


def _describe(value: object) -> dict[str, Json]:
    facts: dict[str, Json] = {"type": type_name(type(value)), "class": type(value).__qualname__}
    if isinstance(value, BaseEstimator):
        params = sorted(value.get_params(deep=False).items())[:_PARAMS]
        facts["params"] = {name: _summary(param) for name, param in params}
    for name in ("n_features_in_", "n_outputs_"):
        if isinstance(number := getattr(value, name, None), int):
            facts[name.rstrip("_")] = number
    return facts


def _summary(param: object) -> Json:
    """The parameter itself if it is plain and finite, else how it prints, cut."""
    match param:
        case None | bool() | int():
            return param
        case float() if abs(param) < float("inf"):
            return float(param)
        case str():
            return param[:_PARAM_LENGTH]
        case _:
            return repr(param)[:_PARAM_LENGTH]
