"""Samples are the same, and in the same order, when worker processes read them."""

import dataclasses
import datetime
import pickle

import numpy as np
import pytest
from torch.utils.data import DataLoader, Dataset

from conftest import l1c_dn, radar_db
from public_layouts import sen12ms_path, write_tiff
from sunbreak.bands import L1C_BANDS
from sunbreak.data import open_data
from sunbreak.data.sample import Sample, Series
from sunbreak.legend import Quality
from sunbreak.steps.detect import detect

SIZE = 32
COUNT = 3
"""Samples of every data set: one more than there are workers."""


def images(seed, offset=0):
    clear = l1c_dn(SIZE, SIZE, offset=offset, seed=seed)
    cloudy = clear.copy()
    cloudy[:, : SIZE // 2] = 9000
    mask = np.zeros((1, SIZE, SIZE), "float32")
    mask[:, : SIZE // 2] = 1
    return {"s2": clear, "s2_cloudy": cloudy, "s1": radar_db(SIZE, SIZE, seed), "mask": mask}


def sen12ms_cr(root):
    for number in range(COUNT):
        for part in ("s1", "s2", "s2_cloudy"):
            write_tiff(sen12ms_path(root, 1970, 139, number, part), images(number)[part])
    return f"sen12ms-cr:{root}"


def sen12ms_cr_ts(root):
    for patch in range(COUNT):
        for date in range(30):
            day = datetime.date(2018, 1, 6) + datetime.timedelta(days=12 * date)
            for sensor, array in (("S1", radar_db(8, 8, date)), ("S2", l1c_dn(8, 8, seed=30 * patch + date))):
                name = f"{sensor.lower()}_ROIs1868_73_ImgNo_{date}_{day}_patch_{patch}.tif"
                write_tiff(root / "ROIs1868" / "73" / sensor / str(date) / name, array)
    return f"sen12ms-cr-ts:{root}"


def luojia(root):
    for number in range(COUNT):
        own = images(number, offset=-1000)
        for folder, part, array in (
            ("s1", "s1", own["s1"]),
            ("s2", "s2", own["s2"]),
            ("s2_cloudy", "s2_cloudy", own["s2_cloudy"]),
            ("cloud_detection_results", "s2_cloudy", own["mask"]),
            ("land_cover_maps", "s2", own["mask"].astype("uint8")),
        ):
            write_tiff(root / "40%-60%" / folder / f"ROIs_10_{part}_p{number}.tif", array)
    return f"luojia-osfcr:{root}"


def collection(root):
    lines = ["path,sample_id,region_id,split,role,level,bands,units,dn_offset,quality"]
    bands = {"s1": "VV VH", "mask": "cloud"}
    for number in range(COUNT):
        for part, array in images(number).items():
            role = "s2_clear" if part == "s2" else part
            write_tiff(root / f"{number}_{role}.tif", array)
            cells = "L1C", bands.get(role, " ".join(L1C_BANDS)), "dB" if role == "s1" else "DN", "0", ""
            lines.append(",".join([f"{number}_{role}.tif", f"n{number}", "here", "test", role, *cells]))
    (root / "manifest.csv").write_text("\n".join(lines))
    return f"collection:{root}"


class Samples(Dataset):
    def __init__(self, entries):
        # as workers that are started afresh get them
        self.entries = pickle.loads(pickle.dumps(entries))

    def __len__(self):
        return len(self.entries)

    def __getitem__(self, index):
        return self.entries[index].load()


def as_it_is(sample):
    return sample


def assert_same(one, other):
    assert type(one) is type(other)
    for field in dataclasses.fields(one):
        mine, theirs = getattr(one, field.name), getattr(other, field.name)
        if isinstance(mine, Sample | Series):
            assert_same(mine, theirs)
        elif isinstance(mine, np.ndarray):
            assert mine.dtype == theirs.dtype
            assert np.array_equal(mine, theirs, equal_nan=mine.dtype.kind == "f"), field.name
        else:
            assert mine == theirs, field.name


@pytest.mark.parametrize(
    ("write", "detector"),
    [(sen12ms_cr, None), (sen12ms_cr, detect), (sen12ms_cr_ts, None), (luojia, None), (collection, None)],
    ids=["sen12ms-cr", "sen12ms-cr with our mask", "sen12ms-cr-ts", "luojia-osfcr", "collection"],
)
def test_two_workers_give_the_samples_of_one_process_in_their_order(tmp_path, write, detector):
    data = open_data(write(tmp_path), detector=detector)
    assert len({entry.name for entry in data.entries}) == COUNT
    here = list(data)
    loaded = list(DataLoader(Samples(data.entries), batch_size=None, collate_fn=as_it_is, num_workers=2))
    assert [sample.name for sample in loaded] == [entry.name for entry in data.entries]
    for mine, theirs in zip(here, loaded, strict=True):
        assert_same(mine, theirs)
    if detector is not None:
        assert {Quality.CLEAR} < set(np.unique(here[0].quality))
