"""From a whole set to the data of a study: splits, feature maps, standardisation, checks and fingerprints."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import get_args

import numpy as np

from jaxnn.data.checks import as_float32, check_data, check_labels, check_targets
from jaxnn.data.config import DataConfig
from jaxnn.data.divide import Size, divide
from jaxnn.data.features import check_features, column_moments, map_features, standardize
from jaxnn.data.projection import (
    check_pca,
    components_of,
    components_text,
    first_components,
    principal_components,
    project,
)
from jaxnn.data.types import Data, DataInfo, Source, Split, Task, with_hashes
from jaxnn.errors import InputError, check_number, unknown


def from_arrays(
    x: np.ndarray,
    y: np.ndarray,
    *,
    name: str = "arrays",
    task: Task = "classification",
    num_classes: int | None = None,
    class_names: Sequence[str] = (),
    feature_names: Sequence[str] = (),
    scale: float = 1.0,
    validation: Size = 0.2,
    test: Size = 0.2,
    train: int | None = None,
    seed: int = 0,
) -> Data:
    """Make a set of your own arrays, checked and divided like any other.

    Args:
      x: (n, ...) inputs: uint8 is kept (images want `scale=1/255`), all else becomes float32.
      y: (n,) labels 0..K-1 for classification; numbers for regression, (n,) or (n, k).
      name: what to call the set.
      task: "classification" or "regression".
      num_classes: number of classes; by default that of `class_names`, else the largest label plus one.
      class_names: name of each label.
      feature_names: name of each column of a table.
      scale: what the device multiplies `x` by.
      validation: rows of the validation set, a count or a share.
      test: rows of the test set, likewise.
      train: keep only this many training rows.
      seed: seed of the division, any integer.

    Returns:
      The checked and divided set.

    Raises:
      InputError: the arrays are empty, differ in length, are not finite, or hold labels out of range.
    """
    x, y = np.asarray(x), np.asarray(y)
    if x.ndim < 2 or 0 in x.shape:
        raise InputError(f"`x` must be (n, ...) with at least one row and one column; got the shape {x.shape}.")
    if task not in get_args(Task):
        raise unknown("task", task, get_args(Task))
    check_number("scale", scale, low=0, low_open=True)
    x = x if x.dtype == np.uint8 else as_float32(x, "x", columns=tuple(feature_names))
    if task == "classification":
        y, class_names = _labels(y, len(x), num_classes, class_names)
    else:
        y = y[:, None] if y.ndim == 1 else y
        check_targets(y, num_rows=len(x))
        y, class_names = as_float32(y, "y"), ()
    origin = "Arrays given by the caller."
    source = Source(Split(x, y), origin, tuple(class_names), tuple(feature_names), scale, task)
    return assemble(source, DataConfig(name, validation=validation, test=test, train=train, data_seed=seed))


def _labels(
    y: np.ndarray, num_rows: int, num_classes: int | None, class_names: Sequence[str]
) -> tuple[np.ndarray, Sequence[str]]:
    """Checked labels as int32, and a name for each class."""
    if num_classes is None:
        finite = y.size > 0 and np.issubdtype(y.dtype, np.number) and np.isfinite(y).all()
        num_classes = len(class_names) or (int(y.max()) + 1 if finite else 1)
    check_labels(y, num_rows=num_rows, num_classes=num_classes)
    if class_names and len(class_names) != num_classes:
        raise InputError(f"`class_names` must be {num_classes} names, one a class; got {len(class_names)}.")
    return y.astype(np.int32), class_names or [str(k) for k in range(num_classes)]


def assemble(source: Source, config: DataConfig, *, validation: Size = 0.2, test: Size = 0.2) -> Data:
    """Divide a source as `config` says, compute its features, check it and take its fingerprints.

    Args:
      source: the whole set.
      config: what was asked for.
      validation: size of a drawn validation set when `config` asks for none in particular.
      test: size of a drawn test set, likewise.

    Returns:
      The finished set.

    Raises:
      InputError: sizes that do not fit, options that do not fit the arrays, or arrays that fail their checks.
    """
    splits = divide(source, config, validation, test)
    info = DataInfo(
        name=config.dataset,
        task=source.task,
        input_shape=source.train.x.shape[1:],
        num_classes=len(source.class_names) if source.task == "classification" else None,
        num_outputs=len(source.class_names) if source.task == "classification" else source.train.y.shape[1],
        class_names=source.class_names,
        feature_names=source.feature_names,
        scale=source.scale,
        source=source.origin,
        sha256=dict(source.sha256 or {}),
    )
    data = Data(*splits, info)
    if config.features:
        data = _with_features(data, config.features)
    check_data(data)
    if config.standardize:
        data = _standardized(data)
    data = with_hashes(data)
    return data if config.pca is None else _projected(data, config.pca)


def prepare_inputs(x: np.ndarray, info: DataInfo) -> np.ndarray:
    """Bring the columns of a source into the form that `info` describes: mapped, standardised, projected as it was.

    Args:
      x: (n, *given_shape(info)) float32, or images as they are.
      info: of the set that a network was trained on.

    Returns:
      (n, *info.input_shape).
    """
    if info.features:
        x = map_features(x, info.features)
    if info.feature_mean:
        x = standardize(x, info.feature_mean, info.feature_std)
    return project(x, components_of(info), scale=info.source_scale) if info.projection else x


def given_shape(info: DataInfo) -> tuple[int, ...]:
    """The shape of one example as a person gives it, before everything that `prepare_inputs` does."""
    return (2,) if info.features else info.source_shape or info.input_shape


def given_scale(info: DataInfo) -> float:
    """What a network of the set, or the projection before it, multiplies a given example by: 1 for floats."""
    return info.source_scale if info.projection else info.scale


def _with_features(data: Data, features: Sequence[str]) -> Data:
    _check_float_table(data, "features")
    check_features(features)
    names = tuple(features)
    info = replace(data.info, input_shape=(len(names),), feature_names=names, features=names)
    return _map_inputs(data, info, lambda x: map_features(x, names))


def _standardized(data: Data) -> Data:
    _check_float_table(data, "standardize")
    mean, std = column_moments(data.train.x)
    info = replace(data.info, feature_mean=tuple(mean.tolist()), feature_std=tuple(std.tolist()))
    return _map_inputs(data, info, lambda x: standardize(x, mean, std))


def _projected(data: Data, count: int) -> Data:
    """The set with its inputs replaced by principal components; the hashes stay those of what was projected."""
    rows, scale = data.train.x, data.info.scale
    check_pca(count, len(rows), int(np.prod(data.info.input_shape)))
    components = first_components(principal_components(rows, scale=scale), count)
    info = replace(
        data.info,
        input_shape=(count,),
        feature_names=tuple(f"component {k}" for k in range(1, count + 1)),
        scale=1.0,
        projection=components_text(components),
        source_shape=data.info.input_shape,
        source_names=data.info.feature_names,
        source_scale=scale,
    )
    return _map_inputs(data, info, lambda x: project(x, components, scale=scale))


def _map_inputs(data: Data, info: DataInfo, function: Callable[[np.ndarray], np.ndarray]) -> Data:
    train, validation, test = (Split(function(s.x), s.y) for s in (data.train, data.validation, data.test))
    return Data(train, validation, test, info)


def _check_float_table(data: Data, option: str) -> None:
    x = data.train.x
    if x.dtype != np.float32 or x.ndim != 2:
        raise InputError(
            f"`{option}` must be left out for `{data.info.name}`: it is for float tables, of rank 2; got {x.dtype} "
            f"inputs of shape {x.shape}."
        )
