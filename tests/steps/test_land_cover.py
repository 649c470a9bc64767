import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from sunbreak.legend import LAND_COVER_NODATA
from sunbreak.steps.land_cover import map_land_cover

CODES = (10, 20, 30, 80)


@given(arrays(np.float32, (4, 3, 5), elements=st.sampled_from([0.0, 0.25, 0.5, 0.996, 1.0])))
def test_the_first_of_the_most_probable_classes_is_mapped_where_there_is_one(probabilities):
    valid = np.arange(15).reshape(3, 5) % 4 > 0
    classes, percent = map_land_cover(probabilities, CODES, valid)
    mapped = valid & (probabilities.max(axis=0) > 0)
    np.testing.assert_array_equal(classes[mapped], np.array(CODES)[probabilities.argmax(axis=0)][mapped])
    np.testing.assert_array_equal(percent[mapped], np.rint(100 * probabilities.max(axis=0))[mapped])
    assert (classes[~mapped] == LAND_COVER_NODATA).all()
    assert (percent[~mapped] == 0).all()
