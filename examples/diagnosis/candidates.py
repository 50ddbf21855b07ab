"""The models that compete. Each is one scikit-learn pipeline that takes the rows as they are: what fills gaps, scales
numbers and spells out categories is part of the model, so whoever uses it later need not know about it.
"""

from __future__ import annotations

import pandas as pd
from pandas.api.types import is_numeric_dtype
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.tree import DecisionTreeClassifier

MOST_CATEGORIES = 20  # of one column; the rarest share what is left
KNOWN = ("logistic regression", "random forest", "gradient boosting", "small tree")


def usable(rows: pd.DataFrame, target: str) -> tuple[list[str], list[str]]:
    """The columns that can be learned from: those of numbers, and those of categories.

    A text that is different in nearly every row (a name, an id) is neither: it would only be learned by heart.
    """
    features = rows.drop(columns=target, errors="ignore")
    numbers = [name for name in features.columns if is_numeric_dtype(features[name])]
    texts = [name for name in features.columns if name not in numbers]
    return numbers, [name for name in texts if features[name].nunique() <= len(features) / 2]


def candidate(name: str, numbers: list[str], categories: list[str], seed: int) -> Pipeline:
    """The candidate of that name for these columns, not trained yet."""
    match name:
        case "logistic regression":
            model = LogisticRegression(max_iter=2000)
        case "random forest":
            model = RandomForestClassifier(n_estimators=100, random_state=seed)
        case "gradient boosting":
            model = HistGradientBoostingClassifier(random_state=seed)
        case "small tree":
            model = DecisionTreeClassifier(max_depth=2, random_state=seed)
        case _:
            raise ValueError(f"there is no candidate {name!r}; known: {', '.join(KNOWN)}")
    fill_and_scale = make_pipeline(SimpleImputer(strategy="median"), StandardScaler())
    spell_out = OneHotEncoder(max_categories=MOST_CATEGORIES, handle_unknown="infrequent_if_exist", sparse_output=False)
    prepare = ColumnTransformer([("numbers", fill_and_scale, numbers), ("categories", spell_out, categories)])
    return Pipeline([("prepare", prepare), ("model", model)])
