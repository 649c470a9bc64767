"""The examples in docstrings run."""

import doctest
import importlib
import pkgutil

import pytest

import sunbreak

MODULES = [found.name for found in pkgutil.walk_packages(sunbreak.__path__, "sunbreak.")]


@pytest.mark.parametrize("name", MODULES)
def test_examples_in_docstrings_run(name):
    try:
        module = importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name not in ("torch", "lightning"):
            raise
        pytest.skip(f"{error.name} is an extra")
    assert doctest.testmod(module).failed == 0
