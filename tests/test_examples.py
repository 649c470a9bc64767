"""The examples in docstrings run."""

import doctest
import importlib
import pkgutil

import pytest

import sunbreak

MODULES = [found.name for found in pkgutil.walk_packages(sunbreak.__path__, "sunbreak.")]


@pytest.mark.parametrize("name", MODULES)
def test_examples_in_docstrings_run(name):
    assert doctest.testmod(importlib.import_module(name)).failed == 0
