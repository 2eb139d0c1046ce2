"""Preparation of data, with scikit-learn's conventions.

An estimator is made with options, learns in `fit`, and has what it learned in
attributes that end in an underscore.  Tables are arrays (rows, columns) or Polars
DataFrames; results are NumPy arrays.

>>> from defnpy import preprocessing
>>> scaler = preprocessing.StandardScaler()
>>> scaler.fit_transform([[1.0], [3.0]])
array([[-1.],
       [ 1.]])
"""

from __future__ import annotations

from defnpy.preprocessing.columns import standardize, unstandardize
from defnpy.preprocessing.encoders import LabelEncoder, OneHotEncoder, OrdinalEncoder
from defnpy.preprocessing.scalers import (
    MaxAbsScaler,
    MinMaxScaler,
    RobustScaler,
    StandardScaler,
)

__all__ = [
    "LabelEncoder",
    "MaxAbsScaler",
    "MinMaxScaler",
    "OneHotEncoder",
    "OrdinalEncoder",
    "RobustScaler",
    "StandardScaler",
    "standardize",
    "unstandardize",
]
