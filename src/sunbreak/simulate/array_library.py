"""One code for arrays of NumPy and tensors of PyTorch: clouds are laid where the data lie, on a GPU too.

Code for both keeps to operators, slices, methods that both have, and the functions that both libraries name and order
alike (`exp`, `clip`, `where`, `stack`, `concatenate`, `broadcast_to`), with numbers of Python as constants: these never
change the type of an array.
"""

from __future__ import annotations

import sys
from typing import Any, TypeVar

import numpy as np

Array = TypeVar("Array", bound=Any)
"""An array of NumPy or a tensor of PyTorch, float32."""


def library_of(array: Any) -> Any:
    """The library whose functions take an array.

    Args:
        array: An array of NumPy or a tensor of PyTorch.

    Returns:
        The module `numpy` or `torch`; the latter is never imported here.

    Example:
        >>> library_of(np.zeros(3)).__name__
        'numpy'
    """
    return np if isinstance(array, (np.ndarray, np.generic)) else sys.modules["torch"]
