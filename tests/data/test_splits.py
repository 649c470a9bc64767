import pytest
from hypothesis import given
from hypothesis import strategies as st

from sunbreak.data.regions import SEASONS, canonical
from sunbreak.data.splits import SPLITS, Splits, caught_by_substring, read_splits
from sunbreak.errors import OptionError

CAUGHT_TEST = {"spring:106", "spring:123", "spring:140", "summer:73", "summer:119", "fall:139"}
CAUGHT_VAL = {"spring:17", "fall:65", "winter:84"}


@pytest.mark.parametrize(
    ("split", "regions", "patches"),
    [
        ("train", 155, 107_143),
        ("val", 10, 7_176),
        ("test", 10, 7_899),
        ("never-leaked", 4, 3_135),
        ("legacy-leaky-train", 164, 114_050),
    ],
)
def test_sen12ms_cr_has_the_published_numbers(split, regions, patches):
    splits = read_splits("sen12ms-cr")
    assert len(splits.regions[split]) == regions
    assert splits.count(split) == patches


def test_sen12ms_cr_never_tests_on_a_season_or_number_off_by_one():
    test = read_splits("sen12ms-cr").regions["test"]
    named = ["spring:31", "spring:44", "spring:106", "spring:123", "spring:140"]
    named += ["summer:73", "summer:119", "fall:139", "winter:63", "winter:108"]
    assert set(test) == {canonical(name) for name in named}
    assert test["ROIs1158_140"] == 850


def test_substring_rule_pulls_in_exactly_the_nine_regions():
    regions = read_splits("sen12ms-cr").regions
    extra = set(regions["legacy-leaky-train"]) - set(regions["train"])
    assert extra & set(regions["test"]) == {canonical(name) for name in CAUGHT_TEST}
    assert extra & set(regions["val"]) == {canonical(name) for name in CAUGHT_VAL}
    assert len(extra) == 9
    assert set(regions["train"]) < set(regions["legacy-leaky-train"])


def test_never_leaked_regions_are_those_the_rule_leaves_alone():
    regions = read_splits("sen12ms-cr").regions
    assert set(regions["never-leaked"]) == {"ROIs1158_31", "ROIs1158_44", "ROIs2017_63", "ROIs2017_108"}
    assert not set(regions["never-leaked"]) & set(regions["legacy-leaky-train"])


@given(season=st.sampled_from(sorted(SEASONS)), number=st.integers(0, 10_000), name=st.sampled_from(SPLITS))
def test_exact_matching_puts_no_region_in_two_splits(season, number, name):
    regions = read_splits(name).regions
    region = canonical(f"{SEASONS[season]}:{number}")
    assert sum(region in regions[split] for split in ("train", "val", "test")) <= 1


@given(
    listed=st.tuples(st.sampled_from(sorted(SEASONS)), st.integers(0, 200)),
    asked=st.tuples(st.sampled_from(sorted(SEASONS)), st.integers(0, 2000)),
)
def test_substring_rule_follows_the_leading_digits(listed, asked):
    caught = caught_by_substring([f"ROIs{listed[0]}_{listed[1]}"], f"ROIs{asked[0]}_{asked[1]}")
    assert caught == (listed[0] == asked[0] and str(asked[1]).startswith(str(listed[1])))


@pytest.mark.parametrize("name", SPLITS)
def test_every_list_is_canonical_disjoint_and_has_a_source(name):
    splits = read_splits(name)
    assert splits.name == name
    assert "doi:" in splits.source
    exact = [region for split in ("train", "val", "test") for region in splits.regions[split]]
    assert len(exact) == len(set(exact))
    assert all(canonical(region) == region for region in exact)


def test_sen12ms_cr_ts_has_its_own_lists_with_unknown_counts():
    splits = read_splits("sen12ms-cr-ts")
    assert {split: len(regions) for split, regions in splits.regions.items()} == {"train": 35, "val": 5, "test": 13}
    assert splits.count("test") is None
    assert "ROIs1868_100" in splits.regions["test"]
    assert "ROIs1868_100" in read_splits("sen12ms-cr").regions["train"]


def test_the_two_sets_disagree_on_two_regions_only():
    one, other = read_splits("sen12ms-cr").regions, read_splits("sen12ms-cr-ts").regions
    exact = ("train", "val", "test")
    apart = {(a, b): set(one[a]) & set(other[b]) for a in exact for b in exact if a != b}
    assert {pair: found for pair, found in apart.items() if found} == {
        ("train", "test"): {"ROIs1868_100"},
        ("val", "train"): {"ROIs2017_130"},
    }


def test_counts_add_up_only_where_all_are_known():
    splits = Splits("mine", "counted", {"a": {"x": 3, "y": 4}, "b": {"x": 3, "y": None}, "c": {}})
    assert [splits.count(split) for split in "abc"] == [7, None, 0]


def test_unknown_names_are_answered_with_the_known_ones():
    with pytest.raises(OptionError, match=r"'sen12ms'.*choose from sen12ms-cr, sen12ms-cr-ts"):
        read_splits("sen12ms")
    with pytest.raises(OptionError, match=r"no split 'dev'; choose from train, val, test, never-leaked"):
        read_splits("sen12ms-cr").count("dev")
