import pytest
from hypothesis import given
from hypothesis import strategies as st

from sunbreak.data import open_data
from sunbreak.data.manifest import read_manifest
from sunbreak.data.regions import SEASONS, canonical
from sunbreak.data.splits import read_splits

SPELLINGS = [
    "S12CR_{number}_{region}",
    "S12TS_{number}_{region}",
    "SEN12MS_{number}_{region}",
    "ROIs{number}_{season}_{region}",
    "ROIs{number}_{region}",
    "ROIs{number}/{region}",
    "{season}:{region}",
    "{season}/s2_{region}",
    "{season}/s2_cloudy_{region}",
]
seasons = st.sampled_from(sorted(SEASONS))
regions = st.integers(0, 999)


@given(number=seasons, region=regions, spelling=st.sampled_from(SPELLINGS))
def test_every_spelling_gives_the_same_name(number, region, spelling):
    text = spelling.format(number=number, season=SEASONS[number], region=region)
    assert canonical(text) == f"ROIs{number}_{region}"
    assert canonical(canonical(text)) == canonical(text)


@given(one=st.tuples(seasons, regions), other=st.tuples(seasons, regions), spelling=st.sampled_from(SPELLINGS))
def test_different_regions_keep_different_names(one, other, spelling):
    names = {
        canonical(spelling.format(number=number, season=SEASONS[number], region=region))
        for number, region in (one, other)
    }
    assert len(names) == len({one, other})


@pytest.mark.parametrize(
    "name",
    ["S12CR_T0", "TM_433D_629L_3_1", "S1F11_Spain", "ROIs1158_fall_3", "ROIs1159_3", "autumn:3", "ROIs1158_31_p4", ""],
)
def test_other_names_are_left_alone(name):
    assert canonical(name) == name


def test_two_names_of_one_place_are_one():
    assert canonical("S12CR_T7") == canonical("S12CR_1970_139") == "ROIs1970_139"
    assert canonical("ROIs1970_139") in read_splits("sen12ms-cr").regions["test"]


@pytest.mark.parametrize(
    ("options", "split_hash"),
    [
        ("split=test,min_cloud=0.02,max_cloud=0.97", "3e9484878556"),
        ("split=test", "4f5ff645a841"),
        ("split=test,clouds=simulated,draws=2,seed=1", "5961b5428e7b"),
    ],
)
def test_split_hashes_of_the_real_collection_cover_the_names_of_its_manifest(collection, options, split_hash):
    samples = open_data(f"collection:{collection},{options}")
    assert "S12CR_T7" in samples.regions
    assert samples.split_hash == split_hash


def test_leading_zeros_name_no_other_region():
    assert canonical("ROIs1158_031") == "ROIs1158_31"


def test_regions_of_the_real_collection_are_the_ones_of_the_splits(collection):
    splits = read_splits("sen12ms-cr").regions
    known = {*splits["train"], *splits["val"], *splits["test"]}
    named = {row.region for row in read_manifest(collection) if row.region.startswith(("S12CR_1", "S12CR_2"))}
    assert len(named) > 5
    assert {canonical(region) for region in named} <= known
