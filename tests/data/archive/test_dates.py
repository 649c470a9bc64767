import datetime

import pytest

from sunbreak.data.archive.dates import day_in_name, near


@pytest.mark.parametrize(
    "name",
    [
        "2021-06-30.tif", "20210630.tif", "S2_20210630T102031.tif", "a_2021_06_30_b.tif", "x2021.06.30.jp2",
        "T33UUB_20210630T100031_20210630.tif",
    ],
)  # fmt: skip
def test_a_day_is_found_in_a_name(name):
    assert day_in_name(name) == datetime.date(2021, 6, 30)


@pytest.mark.parametrize(
    "name", ["fields.tif", "2021-06.tif", "20211330.tif", "120210630.tif", "2021-06-01_2021-06-30.tif", "2021-0630.tif"]
)
def test_a_name_without_one_day_tells_none(name):
    assert day_in_name(name) is None


def test_near_dates_are_sorted_by_distance_the_earlier_first():
    days = [datetime.date(2020, 1, number) for number in (9, 1, 11, 14, 10)]
    assert near(datetime.date(2020, 1, 10), days, 4) == (4, 0, 2, 3)
    assert near(datetime.date(2020, 1, 10), days, 0) == (4,)
