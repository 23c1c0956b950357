"""Vectors in two dimensions: principal component analysis (Pearson 1901; Hotelling 1933), by scikit-learn."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.float32]


class Plane:
    """The plane in which some vectors, (n, dimension) with n >= 1, differ most from each other."""

    def __init__(self, vectors: Vectors) -> None:
        self._mean = vectors.mean(axis=0)
        self._pca = _fitted(vectors) if len(vectors) > 2 and np.ptp(vectors, axis=0).any() else None

    @property
    def kept(self) -> float:
        """The share in [0, 1] of their variance that lies in it."""
        return 1.0 if self._pca is None else min(1.0, float(self._pca.explained_variance_ratio_.sum()))

    def place(self, vectors: Vectors) -> NDArray[np.float64]:
        """Where vectors (n, dimension) are in it, (n, 2): those it was made of, or others."""
        if self._pca is not None:
            return np.asarray(self._pca.transform(vectors), np.float64)
        away = vectors - self._mean  # of two, or of equal ones: how far they are is all there is to see
        return np.stack([away.sum(axis=1), np.zeros(len(vectors))], axis=1).astype(np.float64)


def _fitted(vectors: Vectors) -> Any:
    from sklearn.decomposition import PCA  # type: ignore[import-untyped]  # has no stubs; takes a second to import

    return PCA(n_components=2, svd_solver="covariance_eigh").fit(vectors)
