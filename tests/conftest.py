"""Strict set-up for every test: warnings are errors (pyproject), rank promotion raises, two CPU devices."""

import os
from pathlib import Path

import jax
import pytest
from hypothesis import HealthCheck, settings

# The same examples every time, and no verdict that depends on how busy the machine is.
settings.register_profile("jaxnn", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("jaxnn")

# Two XLA devices on any machine, so that the sharded paths are always the tested ones.
jax.config.update("jax_num_cpu_devices", 2)
jax.config.update("jax_platforms", "cpu")
jax.config.update("jax_numpy_rank_promotion", "raise")


def pytest_addoption(parser):
    parser.addoption("--slow", action="store_true", help="also run the tests that take minutes")


def pytest_collection_modifyitems(config, items):
    if config.getoption("--slow"):
        return
    skip = pytest.mark.skip(reason="takes minutes: run with --slow")
    for item in items:
        if "slow" in item.keywords:
            item.add_marker(skip)


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """The folder of official data files; tests that need it skip where it is not set."""
    path = os.environ.get("JAXNN_DATA_DIR")
    if not path:
        pytest.skip("needs the official data files: set JAXNN_DATA_DIR")
    return Path(path).resolve()
