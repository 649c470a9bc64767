import pytest
from hypothesis import given
from hypothesis import strategies as st

from sunbreak.errors import OptionError
from sunbreak.metrics.band_groups import band_indexes
from sunbreak.metrics.groups import BINS, Patch, coverage_bin, groups

L1C = ["B01", "B02", "B03", "B04", "B05", "B06", "B07", "B08", "B8A", "B09", "B10", "B11", "B12"]


@given(st.floats(0, 1))
def test_every_cover_has_the_bin_that_holds_it(cloud):
    low, high = (int(end) / 100 for end in coverage_bin(cloud).removesuffix(" %").split("-"))
    assert low <= cloud < high or (cloud == high == 1)


@given(st.lists(st.tuples(st.sampled_from("abc"), st.floats(0, 1), st.integers(0, 1000)), min_size=1, max_size=20))
def test_groups_by_cover_and_by_region_hold_every_patch_once(drawn):
    patches = [Patch(f"patch-{index}", *values) for index, values in enumerate(drawn)]
    for by in ("coverage", "region"):
        found = [group for group in groups(patches, [by]) if group.by == by]
        assert sorted(name for group in found for name in group.patches) == sorted(patch.name for patch in patches)
        assert all(group.patches for group in found)


def test_patches_with_enough_to_fit_on_are_a_group_where_others_are_not():
    few, many = Patch("few", "a", 0.99, 499), Patch("many", "a", 0.5, 500)
    assert [group.by for group in groups([few, many])] == ["all", "fitted"]
    assert groups([few, many])[1].patches == {"many"}
    assert [group.by for group in groups([many])] == ["all"]
    assert [group.name for group in groups([few, many], ["coverage"]) if group.by == "coverage"] == [BINS[2], BINS[4]]


def test_band_groups():
    assert band_indexes("all", L1C) == list(range(13))
    assert [L1C[index] for index in band_indexes("rgb", L1C)] == ["B04", "B03", "B02"]
    assert [L1C[index] for index in band_indexes("no-b10", L1C)] == [name for name in L1C if name != "B10"]
    assert band_indexes("rgb", ["B04", "B08", "B11"]) is None
    with pytest.raises(OptionError, match="band group 'nir' is unknown; choose from all, rgb, no-b10"):
        band_indexes("nir", L1C)
