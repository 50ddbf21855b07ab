"""The models that compete. Each is one scikit-learn pipeline that takes the rows as they are: what fills gaps, scales
numbers and spells out categories is part of the model, so whoever uses it later need not know about it.
"""

from __future__ import annotations

from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

MOST_CATEGORIES = 20  # of one column; the rarest share what is left


def candidate(name: str, numbers: list[str], categories: list[str], seed: int) -> Pipeline:
    """The candidate of that name for these columns, not trained yet."""
    match name:
        case "logistic regression":
            model = LogisticRegression(max_iter=2000)
        case "random forest":
            model = RandomForestClassifier(n_estimators=100, random_state=seed)
        case "gradient boosting":
            model = HistGradientBoostingClassifier(random_state=seed)
        case _:
            raise ValueError(
                f"there is no candidate {name!r}; known: logistic regression, random forest, gradient boosting"
            )
    fill_and_scale = make_pipeline(SimpleImputer(strategy="median"), StandardScaler())
    spell_out = OneHotEncoder(max_categories=MOST_CATEGORIES, handle_unknown="infrequent_if_exist", sparse_output=False)
    prepare = ColumnTransformer([("numbers", fill_and_scale, numbers), ("categories", spell_out, categories)])
    return Pipeline([("prepare", prepare), ("model", model)])
