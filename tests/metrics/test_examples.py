import doctest
import importlib
import pkgutil

import pytest

import sunbreak.baselines
import sunbreak.data
import sunbreak.metrics

MODULES = [
    found.name
    for package in (sunbreak.metrics, sunbreak.data, sunbreak.baselines)
    for found in pkgutil.iter_modules(package.__path__, package.__name__ + ".")
]


@pytest.mark.parametrize("name", [*MODULES, "sunbreak.evaluation"])
def test_examples_in_docstrings_run(name):
    module = importlib.import_module(name)
    assert doctest.testmod(module).failed == 0
