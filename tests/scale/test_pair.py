"""Which radar goes with which scene: properties of the pairing, without any file."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st
from shapely.geometry import box

from sunbreak.scale.pair import FULL, LEAST, Image, pair

START = datetime(2024, 5, 1, 10, tzinfo=UTC)
HERE = box(15, 52, 16, 53)
HOURS = st.integers(0, 24 * 40)


def at(hours, outline=HERE, **more):
    return Image(f"{more.get('orbit', 'S2')}-{hours}", "https://example.org/i", START + timedelta(hours=hours), outline,
                 **more)  # fmt: skip


def radar(hours, share=1.0, orbit="ascending"):
    return at(hours, box(15, 52, 15 + share, 53), orbit=orbit)._replace(id=f"{orbit}-{hours}-{share}")


RADARS = st.lists(
    st.builds(radar, HOURS, st.floats(0, 1), st.sampled_from(["ascending", "descending"])),
    max_size=8, unique_by=lambda one: one.id,
)  # fmt: skip
SCENES = st.lists(
    st.builds(lambda hours, tile: at(hours, tile=tile)._replace(id=f"{tile}-{hours}"), HOURS, st.sampled_from("AB")),
    max_size=6, unique_by=lambda one: one.id,
)  # fmt: skip


@given(SCENES, RADARS, st.floats(0, 20))
def test_every_scene_has_one_row_with_a_radar_that_helps_or_a_reason(scenes, radars, days):
    rows = pair(scenes, radars, days=days)
    assert sorted(row.id for row in rows) == sorted(one.id for one in scenes)
    assert [(row.tile, row.datetime) for row in rows] == sorted((row.tile, row.datetime) for row in rows)
    for row in rows:
        assert bool(row.radar) != bool(row.reason)
        if row.radar:
            assert abs(float(row.days_apart)) <= days + 0.01
            assert float(row.cover_percent) >= 100 * LEAST - 0.5


@given(SCENES, RADARS)
def test_the_order_of_what_is_found_changes_nothing(scenes, radars):
    assert pair(scenes, radars) == pair(scenes[::-1], radars[::-1])


@given(SCENES, RADARS)
def test_full_cover_comes_before_all_else(scenes, radars):
    for row in pair(scenes, radars):
        moment = datetime.fromisoformat(row.datetime)
        whole = [one for one in radars if HERE.intersection(one.outline).area >= FULL * HERE.area
                 and abs(one.moment - moment) <= timedelta(days=12)]  # fmt: skip
        if whole:
            assert row.cover_percent == "100"


@given(SCENES, st.lists(st.builds(radar, HOURS), min_size=1, max_size=8, unique_by=lambda one: one.id))
def test_among_equals_the_nearest_is_taken(scenes, radars):
    for row in pair(scenes, radars):
        moment = datetime.fromisoformat(row.datetime)
        nearest = min(abs(one.moment - moment) for one in radars)
        if nearest <= timedelta(days=12):
            assert abs(datetime.fromisoformat(row.radar_datetime) - moment) == nearest


def test_a_tile_keeps_to_the_direction_that_serves_most_of_its_scenes():
    scenes = [at(24 * day, tile="A") for day in (0, 10, 20)]
    # the descending pass is nearer to the first scene, and there is none for the others
    radars = [radar(2, orbit="descending"), *(radar(24 * day + 30) for day in (0, 10, 20))]
    assert {row.orbit for row in pair(scenes, radars, days=3)} == {"ascending"}
    partly = [radar(2, orbit="descending"), radar(30, 0.5), radar(270), radar(510)]
    assert [row.orbit for row in pair(scenes, partly, days=3)] == ["descending", "ascending", "ascending"]


def test_the_reason_says_what_is_amiss():
    scene = at(0, tile="A")
    for radars, words in (
        ([], "no radar found of this place"),
        ([at(1, box(20, 52, 21, 53))], "no radar found of this place"),
        ([radar(24 * 20)], "nearest radar is 20.0 days away"),
        ([radar(1, 0.05)], "covers 5%"),
    ):
        assert words in pair([scene], radars)[0].reason
