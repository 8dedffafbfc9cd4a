"""Data sets as plain NumPy arrays: loaded by name, checked, divided, fingerprinted."""

from jaxnn.data.assemble import from_arrays, given_scale, given_shape, prepare_inputs
from jaxnn.data.checks import check_data, check_inputs, check_labels, check_split, check_targets
from jaxnn.data.config import DataConfig, moved_to
from jaxnn.data.features import FEATURES, map_features
from jaxnn.data.idx import read_idx
from jaxnn.data.load import available, load, load_config
from jaxnn.data.projection import (
    Components,
    components_of,
    first_components,
    principal_components,
    project,
    restore,
)
from jaxnn.data.splits import SplitIndices, kfold_indices, split_indices
from jaxnn.data.tabular import read_inputs
from jaxnn.data.types import Data, DataInfo, Split, array_sha256, merge

__all__ = [
    "FEATURES",
    "Components",
    "Data",
    "DataConfig",
    "DataInfo",
    "Split",
    "SplitIndices",
    "array_sha256",
    "available",
    "check_data",
    "check_inputs",
    "check_labels",
    "check_split",
    "check_targets",
    "components_of",
    "first_components",
    "from_arrays",
    "given_scale",
    "given_shape",
    "kfold_indices",
    "load",
    "load_config",
    "map_features",
    "merge",
    "moved_to",
    "prepare_inputs",
    "principal_components",
    "project",
    "read_idx",
    "read_inputs",
    "restore",
    "split_indices",
]
