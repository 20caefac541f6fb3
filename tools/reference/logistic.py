"""Logistic regressions as scikit-learn finds them, for the unit tests.

    logistic.py [tests/data/fit/logistic.txt]

Needs scikit-learn 1.9 beside requirements.txt. The file has for each case, on lines of
their own: rows, columns, classes and C; the rows; the class of each row; the weight of
each row; the coefficients, class by class; the intercepts; the probabilities of each
row. Of two classes, scikit-learn has one row of coefficients. Where each class has one,
as here, these are half of it and the negative of that, for half of its C.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from sklearn.linear_model import LogisticRegression

# Rows, columns, classes, C, whether classes are balanced.
CASES = [
    (60, 5, 3, 1.0, True),
    (60, 5, 3, 1e-3, False),
    (41, 13, 4, 30.0, True),
    (30, 40, 3, 0.1, True),
    (50, 9, 2, 2.0, True),
]


def line(values: np.ndarray) -> str:
    """Numbers that are told apart as floats."""
    return " ".join(f"{value:.9g}" for value in np.ravel(values))


def case(random: np.random.Generator, shape: tuple) -> list[str]:
    """The lines of a case."""
    rows, columns, classes, strength, balanced = shape
    means = random.normal(0, 1, (classes, columns))
    shares = random.dirichlet(np.full(classes, 5.0))
    truth = np.concatenate(
        [np.arange(classes), random.choice(classes, rows - classes, p=shares)]
    )
    values = means[truth] + random.normal(3, 2, (rows, columns))
    values = np.maximum(values, 0).astype(np.float32).astype(float)
    counts = np.bincount(truth, minlength=classes)
    weights = rows / (classes * counts) if balanced else np.ones(classes)
    weights = weights.astype(np.float32).astype(float)
    model = LogisticRegression(
        C=strength * (2 if classes == 2 else 1), solver="newton-cholesky", tol=1e-12, max_iter=1000
    ).fit(values, truth, sample_weight=weights[truth])
    weight, bias = model.coef_, model.intercept_
    if classes == 2:
        weight = np.concatenate([-weight, weight]) / 2
        bias = np.concatenate([-bias, bias]) / 2
    return [
        f"{rows} {columns} {classes} {strength:g}",
        line(values),
        line(truth),
        line(weights[truth]),
        line(weight),
        line(bias),
        line(model.predict_proba(values)),
    ]


def main() -> None:
    """Writes the file."""
    default = Path(__file__).resolve().parents[2] / "tests/data/fit/logistic.txt"
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else default
    random = np.random.default_rng(5)
    lines = [text for shape in CASES for text in case(random, shape)]
    target.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
