"""Sentinel-2 SAFE products, L1C and L2A, before and after baseline 04.00, as folder and as zip."""

import pickle
import zipfile

import numpy as np
import pytest
import rasterio

import sunbreak
from conftest import refused
from safe_layouts import offset_of, write_safe, zipped
from stac_layouts import SIZE, at_10_m, dn_of
from sunbreak.bands import BANDS_BY_LEVEL
from sunbreak.cli import main
from sunbreak.errors import RadiometryError, RasterError
from sunbreak.steps.mask import mask


@pytest.mark.parametrize("level", ["L1C", "L2A"])
@pytest.mark.parametrize("baseline", ["02.14", "05.10"])
@pytest.mark.parametrize("pack", [lambda folder: folder, zipped, lambda folder: next(folder.glob("MTD_MSIL*.xml"))])
def test_every_level_baseline_and_form(level, baseline, pack, tmp_path):
    path = pack(write_safe(tmp_path, level, baseline))
    scene = sunbreak.read(path)
    assert scene.band.values.tolist() == list(BANDS_BY_LEVEL[level])
    assert (scene.attrs["level"], scene.optical.encoding["offset"]) == (level, offset_of(baseline))
    assert scene.attrs["datetime"] == "2024-05-27T10:20:31.024000Z"
    assert (scene.attrs["sun_elevation"], scene.attrs["platform"]) == (58.5, "sentinel-2a")
    assert scene.odc.geobox.resolution.x == 10
    scene = pickle.loads(pickle.dumps(scene))
    for band, plane in zip(BANDS_BY_LEVEL[level], scene.optical.values, strict=True):
        np.testing.assert_allclose(plane, at_10_m(dn_of(band)) / 10_000, rtol=1e-6)
    assert ("quality" in scene) == (level == "L2A")


def test_classes_and_probability_are_the_mask_of_level_2a(tmp_path):
    sure = mask(sunbreak.read(write_safe(tmp_path / "a")))
    assert sure.attrs["quality_from"] == "SCL"
    assert (sure.quality.values[: SIZE // 3] == 3).all()
    assert (sure.quality.values[SIZE // 3 + 4 :] == 1).all()
    doubtful = sunbreak.read(write_safe(tmp_path / "b", probability=40)).quality.values
    assert (doubtful[SIZE // 3 :] == 2).all()


def test_level_1c_takes_its_own_mask(tmp_path):
    found = mask(sunbreak.read(write_safe(tmp_path, "L1C")))
    assert found.attrs["quality_from"] == "rule"


def test_a_product_comes_out_at_the_command_line(tmp_path):
    path = zipped(write_safe(tmp_path, "L2A", size=120))
    out = tmp_path / "out"
    assert main(["restore", str(path), "-o", str(out)]) == 0
    with rasterio.open(out / "reflectance.vrt") as file, rasterio.open(out / "quality.tif") as quality:
        clear = quality.read(1) == 1
        assert file.nodata == 0
        np.testing.assert_array_equal(file.read(5)[clear], at_10_m(dn_of("B05", -1000, 120), 120)[clear])
        assert (file.read(5)[~clear] > 0).all()


def test_bands_can_be_chosen_and_missing_ones_are_told(tmp_path):
    folder = write_safe(tmp_path)
    assert sunbreak.read(folder, bands=["B04", "B8A"]).band.values.tolist() == ["B04", "B8A"]
    for file in folder.rglob("*_B11_*.jp2"):
        file.unlink()
    refused(["lacks the images of B11", "--bands"], folder, kind=RasterError)
    assert "B11" not in sunbreak.read(folder, bands=["B02", "B12"]).band.values
    for file in folder.rglob("*.jp2"):
        file.unlink()
    refused(["holds none of its images"], folder, kind=RasterError)


def test_offsets_that_contradict_the_baseline_are_told(tmp_path):
    folder = write_safe(tmp_path, "L2A", "05.10")
    file = folder / "MTD_MSIL2A.xml"
    file.write_text(file.read_text().replace(">-1000<", ">0<"))
    refused(["conflicting metadata", "offset"], folder, kind=RadiometryError)
    file.write_text(file.read_text().replace(">10000<", ">4000<"))
    refused(["BOA_QUANTIFICATION_VALUE", "4000"], folder, kind=RadiometryError)


def test_what_is_no_product_is_told(tmp_path):
    empty = tmp_path / "S2A.SAFE"
    empty.mkdir()
    refused(["S2A.SAFE", "MTD_MSIL"], empty)
    broken = tmp_path / "broken.zip"
    broken.write_bytes(b"PK\x03\x04 cut off")
    refused(["broken.zip", "download it again"], broken)
    radar = tmp_path / "S1A.SAFE"
    (radar / "annotation").mkdir(parents=True)
    (radar / "annotation" / "s1a-iw-grd-vv-20240526t052031-001.xml").write_text("<product/>")
    refused(["Sentinel-1", "--radar"], radar)


def test_an_archive_cannot_lead_out_of_itself(tmp_path):
    path = zipped(write_safe(tmp_path))
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("../../MTD_MSIL2A.xml", "<a/>")
    refused(["leads out of the archive"], path)


def test_entities_are_refused(tmp_path):
    folder = write_safe(tmp_path)
    file = folder / "MTD_MSIL2A.xml"
    bomb = '<!DOCTYPE a [<!ENTITY b "bbbbbbbb"><!ENTITY c "&b;&b;&b;&b;">]>'
    file.write_text(file.read_text().replace("<n1:Level", bomb + "<n1:Level", 1).replace("05.10<", "&c;<"))
    refused(["refused", "entities"], folder)
    with zipfile.ZipFile(zipped(write_safe(tmp_path / "b")), "a", zipfile.ZIP_DEFLATED) as archive:
        name, huge = archive.filename, b" " * (17 << 20)
        archive.writestr(next(one for one in archive.namelist() if one.endswith("MTD_TL.xml")), huge)
    refused(["MTD_TL.xml", "longer than 16 MiB"], name)
