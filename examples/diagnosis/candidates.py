"""The models that compete. Each is one scikit-learn pipeline that takes the rows as they are: what fills gaps, scales
numbers and spells out categories is part of the model, so whoever uses it later need not know about it.
"""

from __future__ import annotations

import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

MOST_CATEGORIES = 20  # of one column; the rarest share what is left


def candidate(name: str, features: pd.DataFrame, seed: int) -> Pipeline:
    """The candidate of that name, not trained yet, for columns like those of `features`."""
    match name:
        case "logistic regression":
            model = LogisticRegression(max_iter=2000)
        case "random forest":
            model = RandomForestClassifier(n_estimators=100, random_state=seed)
        case "gradient boosting":
            model = HistGradientBoostingClassifier(max_iter=100, learning_rate=0.1, random_state=seed)
        case _:
            raise ValueError(
                f"there is no candidate {name!r}; known: logistic regression, random forest, gradient boosting"
            )
    return Pipeline([("prepare", _preparation(features)), ("model", model)])


def _preparation(features: pd.DataFrame) -> ColumnTransformer:
    numbers = list(features.select_dtypes("number").columns)
    texts = [name for name in features.columns if name not in numbers and _is_category(features[name])]
    spell_out = OneHotEncoder(
        max_categories=MOST_CATEGORIES, handle_unknown="infrequent_if_exist", sparse_output=False
    )
    return ColumnTransformer(
        [
            ("numbers", make_pipeline(SimpleImputer(strategy="median"), StandardScaler()), numbers),
            ("categories", spell_out, texts),
        ],
        remainder="drop",
    )


def _is_category(column: pd.Series) -> bool:
    """A text that is different in nearly every row (a name, an id) would only be learned by heart."""
    return column.nunique() <= len(column) / 2
