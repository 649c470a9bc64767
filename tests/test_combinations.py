import numpy as np

from sunbreak.bands import L1C_BANDS, L2A_BANDS
from sunbreak.combinations import COMBINATIONS, colour_index, combinations_of, normalised_difference


def test_the_usual_products_have_every_combination_and_few_bands_have_some():
    assert combinations_of(L1C_BANDS) == COMBINATIONS
    assert combinations_of(L2A_BANDS) == COMBINATIONS
    assert list(combinations_of(["B02", "B03", "B04", "B08"])) == ["true-colour", "false-colour", "ndvi", "ndwi"]


def test_an_index_is_bounded_and_knows_no_data():
    first, second = np.array([0.4, -0.1, np.nan, 0.0]), np.array([0.2, 0.05, 0.1, 0.0])
    np.testing.assert_allclose(normalised_difference(first, second), [1 / 3, 1.0, np.nan, np.nan], atol=1e-12)


def test_more_of_it_is_greener():
    colours = colour_index(np.array([[-1.0, 0.0, 1.0]])).astype(int)[:, 0]
    greenness = colours[1] - colours[0]
    assert greenness[0] < greenness[1] <= greenness[2]
    assert colours[:, 1].min() > 220
