"""Patches as arrays on disk: what is in them, that they are written once, and what stops them."""

import json
from dataclasses import replace

import numpy as np
import pytest
from affine import Affine
from scipy import ndimage

from conftest import l1c_dn, radar_db
from labelled_layouts import at_degree, eurosat_dn, write_eurosat, write_placed
from scenes import blob
from sunbreak.bands import RADAR_DB_RANGE
from sunbreak.data.labelled import open_labelled
from sunbreak.data.series import cloud_share
from sunbreak.errors import GeometryError, OptionError, RasterError
from sunbreak.legend import Quality
from sunbreak.steps.detect import detect
from sunbreak.steps.mask import MaskOptions
from sunbreak.train.transfer import patch_arrays
from sunbreak.train.transfer.patch_arrays import FACTS, read_arrays

BANDS = ("B04", "B08", "B02")
SIMULATED = "simulated-classes:size=32,n=3,clouds=blended"
SIDE = 64
RADII = {"a-clear": 0, "b-some": 14, "c-most": 38, "d-all": 64}
"""Radius of the cloud over the middle of each pair, in pixels."""


@pytest.fixture(scope="module")
def simulated(tmp_path_factory):
    """Simulated patches, drawn once, with their arrays."""
    patches = open_labelled(SIMULATED)
    samples = list(patches)
    held = tuple(replace(entry, load=lambda one=one: one) for entry, one in zip(patches.entries, samples, strict=True))
    patches = replace(patches, entries=held)
    folder = tmp_path_factory.mktemp("simulated")
    return patches, samples, folder, read_arrays(patches, BANDS, folder)


def write_pair(root, name, radius, seed=0):
    grid = {"crs": "EPSG:32633", "transform": Affine(10, 0, 500_000, 0, -10, 5_800_000)}
    dn = l1c_dn(SIDE, SIDE, seed=seed)
    dn[:, blob((SIDE, SIDE), (SIDE / 2, SIDE / 2), radius)] = 7000
    dn[10] = 20
    write_placed(root / "optical" / f"{name}.tif", dn, **grid)
    write_placed(root / "radar" / f"{name}.tif", radar_db(SIDE, SIDE, seed=seed), **grid)


@pytest.fixture(scope="module")
def pairs(tmp_path_factory):
    """Pairs of files under more and more cloud."""
    root = tmp_path_factory.mktemp("pairs")
    for seed, (name, radius) in enumerate(RADII.items()):
        write_pair(root, name, radius, seed)
    return f"pairs:{root}"


def refused(kind, *words):
    def check(patches, folder, bands=BANDS, **options):
        with pytest.raises(kind) as caught:
            read_arrays(patches, bands, folder, **options)
        assert "\n" not in str(caught.value)
        for word in words:
            assert word in str(caught.value)
        assert caught.value.exit_code == 2

    return check


def same(first, second):
    for name in vars(first):
        one, other = getattr(first, name), getattr(second, name)
        assert (one is None) == (other is None), name
        if one is not None:
            np.testing.assert_array_equal(one, other, err_msg=name)


def boom(*_):
    raise AssertionError("read again")


def test_arrays_hold_what_the_samples_hold(simulated):
    patches, samples, _, arrays = simulated
    assert len(arrays) == len(samples) == 3
    assert arrays.restored is None
    assert arrays.labels.tolist() == list(patches.labels)
    for index, sample in enumerate(samples):
        order = [sample.bands.index(name) for name in BANDS]
        np.testing.assert_array_equal(arrays.optical[index], sample.cloudy[order])
        np.testing.assert_array_equal(arrays.truth[index], sample.clear[order])
        np.testing.assert_array_equal(arrays.radar[index], sample.radar)
        found = detect(sample)
        np.testing.assert_array_equal(arrays.clear[index, 0], found == Quality.CLEAR)
        assert arrays.cloud[index] == cloud_share(found)
        assert arrays.true_cloud[index] == cloud_share(sample.quality)
    assert (arrays.radar_valid == 1).all()
    kinds = {name: array.dtype for name, array in vars(arrays).items() if array is not None}
    assert kinds["optical"] == kinds["radar"] == kinds["truth"] == np.float32
    assert kinds["clear"] == kinds["radar_valid"] == np.uint8


def test_the_order_of_bands_is_that_asked_for(simulated, tmp_path):
    patches, _, _, arrays = simulated
    other = read_arrays(patches, BANDS[::-1], tmp_path)
    np.testing.assert_array_equal(other.optical[:, ::-1], arrays.optical)


def test_what_is_missing_is_zero_invalid_and_not_clear(pairs, tmp_path):
    patches = open_labelled(pairs)
    sample = next(iter(patches))
    optical, radar = sample.cloudy.copy(), sample.radar.copy()
    optical[:, 3, 4] = np.nan
    optical[patches.bands.index("B08"), 5, 6] = np.nan  # of the bands asked for
    optical[patches.bands.index("B11"), 7, 8] = np.nan  # not
    radar[0, 9, 10] = np.nan
    entry = replace(patches.entries[0], load=lambda: replace(sample, cloudy=optical, radar=radar))
    arrays = read_arrays(replace(patches, entries=(entry,)), BANDS, tmp_path)
    assert (arrays.optical[0, :, 3, 4] == 0).all()
    assert arrays.clear[0, 0, [3, 5, 7], [4, 6, 8]].tolist() == [0, 0, 1]
    assert arrays.optical[0, 1, 5, 6] == 0
    assert arrays.radar_valid[0, 0, 9, 10] == 0
    assert arrays.radar_valid.sum() == SIDE**2 - 1
    assert (arrays.radar[0, :, 9, 10] == RADAR_DB_RANGE[0]).all()
    assert all(np.isfinite(getattr(arrays, name)).all() for name in ("optical", "radar"))
    assert arrays.truth is None
    assert arrays.labels.tolist() == [-1]
    assert arrays.true_cloud[0] == arrays.cloud[0]  # nobody knows better


def test_a_patch_that_is_mostly_empty_counts_as_covered(simulated, tmp_path):
    patches, samples, *_ = simulated
    clearest = min(samples, key=lambda one: cloud_share(one.quality))
    entries = []
    for share in (0.75, 0.25):
        optical = clearest.clear.copy()
        optical[:, int(share * 32) :] = np.nan
        entries.append(replace(patches.entries[0], load=lambda one=optical: replace(clearest, cloudy=one)))
    arrays = read_arrays(replace(patches, entries=tuple(entries)), BANDS, tmp_path)
    assert arrays.cloud[0] < 1
    assert arrays.cloud[1] == 1


def test_patches_without_radar_have_no_radar_arrays(simulated, tmp_path):
    patches, samples, _, _ = simulated
    held = tuple(
        replace(entry, load=lambda one=one: replace(one, radar=None))
        for entry, one in zip(patches.entries, samples, strict=True)
    )
    arrays = read_arrays(replace(patches, entries=held, has_radar=False), BANDS, tmp_path)
    assert arrays.radar is None
    assert arrays.radar_valid is None


def test_a_second_call_finds_them_without_reading_a_patch_again(simulated):
    patches, _, folder, arrays = simulated
    closed = replace(patches, entries=tuple(replace(entry, load=boom) for entry in patches.entries))
    same(read_arrays(closed, BANDS, folder), arrays)


@pytest.mark.parametrize(
    "change", [{"spec": SIMULATED.replace("n=3", "n=4")}, {"bands": BANDS[:2]}, {"restore_to": 0.5}]
)
def test_a_folder_with_other_patches_is_refused_and_left_alone(simulated, change):
    patches, _, folder, arrays = simulated
    other = open_labelled(change.pop("spec")) if "spec" in change else patches
    refused(OptionError, str(folder), "holds other patches", "take another -o")(other, folder, **change)
    same(read_arrays(patches, BANDS, folder), arrays)


def test_writing_that_was_interrupted_is_started_again(simulated, tmp_path):
    patches, _, _, arrays = simulated

    def stopped():
        raise KeyboardInterrupt

    broken = (*patches.entries[:2], replace(patches.entries[2], load=stopped))
    with pytest.raises(KeyboardInterrupt):
        read_arrays(replace(patches, entries=broken), BANDS, tmp_path)
    assert not (tmp_path / FACTS).exists()
    same(read_arrays(patches, BANDS, tmp_path), arrays)
    assert json.loads((tmp_path / FACTS).read_text())["patches"] == 3


def test_nothing_of_a_reading_that_was_stopped_is_taken_for_another(simulated, tmp_path):
    patches, _, _, arrays = simulated
    np.save(tmp_path / "restored.npy", np.zeros(3))  # was asked for before, and is not now
    same(read_arrays(patches, BANDS, tmp_path), arrays)


def test_a_band_that_the_data_have_not_is_named(simulated, tmp_path):
    patches, *_ = simulated
    fewer = replace(patches, bands=("B02", "B03", "B04"))
    refused(OptionError, "has no band B08", "B02, B03, B04")(fewer, tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_patch_of_another_size_is_named(pairs, tmp_path):
    patches = open_labelled(pairs)
    sample = patches.entries[1].load()
    small = replace(
        sample, cloudy=sample.cloudy[:, :32], radar=sample.radar[:, :32], quality=sample.quality[:32], geobox=None
    )
    entries = (patches.entries[0], replace(patches.entries[1], load=lambda: small))
    odd = replace(patches, entries=entries)
    refused(GeometryError, "b-some", "is 32 x 64 pixels", "64 x 64", "take it out")(odd, tmp_path)
    assert not (tmp_path / FACTS).exists()


def test_a_patch_without_the_radar_that_the_others_have_is_named(simulated, tmp_path):
    patches, samples, *_ = simulated
    bare = replace(patches.entries[1], load=lambda: replace(samples[1], radar=None))
    odd = replace(patches, entries=(patches.entries[0], bare))
    refused(OptionError, samples[1].name, "has no radar", "unlike the others")(odd, tmp_path / "a")
    refused(OptionError, samples[0].name, "has radar", "unlike the others")(
        replace(odd, has_radar=False), tmp_path / "b"
    )


def test_only_covered_pixels_of_lightly_clouded_patches_are_restored(pairs, tmp_path):
    arrays = read_arrays(open_labelled(pairs), BANDS, tmp_path, restore_to=0.3)
    clear, some, most, every = arrays.cloud
    assert clear < some
    assert 0 < some <= 0.3 < most < 0.995 <= every
    for index in (2, 3, *([0] if clear == 0 else [])):
        np.testing.assert_array_equal(arrays.restored[index], arrays.optical[index])
    changed = (arrays.restored[1] != arrays.optical[1]).any(axis=0)
    covered = arrays.clear[1, 0] == 0
    grown = ndimage.binary_dilation(covered, iterations=MaskOptions().buffer, structure=np.ones((3, 3)))
    assert not (changed & ~grown).any()
    middle = blob((SIDE, SIDE), (SIDE / 2, SIDE / 2), 10)
    assert changed[middle].all()
    assert arrays.restored[1][:, middle].mean() < 0.4 < arrays.optical[1][:, middle].mean()


def test_many_patches_are_read_by_processes_into_the_same_arrays(pairs, tmp_path, monkeypatch):
    patches = open_labelled(pairs)
    alone = read_arrays(patches, BANDS, tmp_path / "alone")
    with monkeypatch.context() as patch:
        patch.setattr(patch_arrays, "ProcessPoolExecutor", boom)  # few are not worth it
        same(read_arrays(patches, BANDS, tmp_path / "few", workers=2), alone)
    monkeypatch.setattr(patch_arrays, "FEW", 3)
    with monkeypatch.context() as patch:
        patch.setattr(patch_arrays, "_read", boom)  # not by this process
        together = read_arrays(patches, BANDS, tmp_path / "together", workers=2)
    same(together, alone)


def test_a_damaged_file_is_named_from_whichever_process_reads_it(tmp_path, monkeypatch):
    write_eurosat(tmp_path, [("Forest", number, 8) for number in range(1, 4)])
    broken = tmp_path / "EuroSAT_MS" / "Forest" / "Forest_2.tif"
    write_placed(broken, eurosat_dn(), compress="deflate", **at_degree(8))
    content = bytearray(broken.read_bytes())
    content[-20_000:] = bytes(20_000)  # the head is whole, the pixels are not
    broken.write_bytes(content)
    patches = open_labelled(f"eurosat:{tmp_path},split=all")
    monkeypatch.setattr(patch_arrays, "FEW", 1)
    for workers in (1, 2):
        folder = tmp_path / f"arrays-{workers}"
        refused(RasterError, "Forest_2.tif", "damaged")(patches, folder, workers=workers)
        assert not (folder / FACTS).exists()
