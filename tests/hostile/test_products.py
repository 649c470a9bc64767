"""Products that attack whoever opens them: entities in XML, archives that lead out of themselves or never end."""

import os
import struct
import warnings
import zipfile

import pytest

import grd_layouts
from safe_layouts import write_safe, zipped

GROUP = "Hostile input"
shows = pytest.mark.outcome
LAUGHS = '<!DOCTYPE a [<!ENTITY l0 "ha">' + "".join(
    f'<!ENTITY l{step} "{f"&l{step - 1};" * 10}">' for step in range(1, 12)
) + "]>"  # fmt: skip
"""Ten to the power of 11 times two letters."""
OUTSIDE = '<!DOCTYPE a [<!ENTITY l11 SYSTEM "file:///etc/passwd">]>'
REMOTE = '<!DOCTYPE a [<!ENTITY % l11 SYSTEM "http://127.0.0.1:9/a.dtd">%l11;]>'


def spoil(file, old, new):
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new, 1))


def add(path, name, content, packing=zipfile.ZIP_DEFLATED):
    with warnings.catch_warnings(), zipfile.ZipFile(path, "a", packing) as archive:
        warnings.simplefilter("ignore", UserWarning)  # duplicate names are meant
        archive.writestr(name, content)


def member(path, ending):
    with zipfile.ZipFile(path) as archive:
        return next(name for name in archive.namelist() if name.endswith(ending))


@pytest.mark.parametrize(
    "types",
    [
        pytest.param(LAUGHS, marks=shows(GROUP, "entity bomb in the XML of a Sentinel-2 product", "refused")),
        pytest.param(OUTSIDE, marks=shows(GROUP, "XML entity that reads a file", "refused")),
        pytest.param(REMOTE, marks=shows(GROUP, "XML that fetches its type definition", "refused")),
    ],
    ids=["laughs", "file", "remote"],
)  # fmt: skip
@pytest.mark.parametrize("name", ["MTD_MSIL1C.xml", "MTD_TL.xml"])
def test_xml_defines_nothing(tmp_path, restore_refused, types, name):
    folder = write_safe(tmp_path, "L1C")
    (file,) = folder.rglob(name)
    spoil(file, "<n1:Level", types + "<n1:Level")
    spoil(file, "_T33UUT_" if name == "MTD_TL.xml" else "05.10<", "&l11;" if name == "MTD_TL.xml" else "&l11;<")
    restore_refused(folder, words=[name, "defines XML entities"])


@shows(GROUP, "entity bomb in the annotation of a Sentinel-1 product", "refused")
def test_annotations_define_nothing(tmp_path, restore_refused, s2):
    folder = grd_layouts.write_grd(tmp_path)
    file = next(file for file in (folder / "annotation").glob("*.xml"))
    file.write_text(LAUGHS + file.read_text().partition("?>")[2])
    restore_refused(s2, "--radar", folder, words=["defines XML entities"])


@shows(GROUP, "zip archive with names that lead out of it (zip slip)", "refused; nothing is ever unpacked")
@pytest.mark.parametrize("name", ["../../evil.xml", "/etc/evil.xml", "a/../../evil.xml", "C:/evil.xml", "..\\evil.xml"])
def test_archives_do_not_lead_out_of_themselves(tmp_path, restore_refused, name):
    path = zipped(write_safe(tmp_path / "a", "L1C"))
    add(path, name, "<a/>")
    before = sorted(tmp_path.rglob("*"))
    restore_refused(path, words=["leads out of the archive"])
    assert sorted(tmp_path.rglob("*")) == before


@shows(GROUP, "zip bomb: an image of zeros that grows 1,000 times", "refused before it is unpacked")
def test_images_that_grow_without_end(tmp_path, restore_refused):
    path = zipped(write_safe(tmp_path, "L1C"))
    add(path, member(path, "_B02.jp2"), bytes(100 << 20))
    restore_refused(path, words=["B02.jp2", "grows", "times when unpacked"])


@shows(GROUP, "zip bomb: metadata of 20 MiB of spaces", "refused; at most 16 MiB of them are unpacked")
def test_metadata_that_grow_without_end(tmp_path, restore_refused):
    path = zipped(write_safe(tmp_path, "L1C"))
    add(path, member(path, "MTD_TL.xml"), b" " * (20 << 20))
    restore_refused(path, words=["MTD_TL.xml", "longer than 16 MiB"])


@shows(GROUP, "zip archive that says it holds 50 GiB", "refused from its directory alone")
def test_archives_larger_than_any_product(tmp_path, restore_refused):
    path = zipped(write_safe(tmp_path, "L1C"))
    content = bytearray(path.read_bytes())
    at = content.find(b"PK\1\2")
    while at >= 0:
        content[at + 24 : at + 28] = struct.pack("<I", 0xFFFFFFF0)
        at = content.find(b"PK\1\2", at + 4)
    path.write_bytes(content)
    restore_refused(path, words=["unpacks to more than 16 GiB"])


@shows(GROUP, "zip archive packed with LZMA (4 GiB of dictionary), or encrypted", "refused")
@pytest.mark.parametrize("how", ["lzma", "encrypted"])
def test_archives_that_are_packed_otherwise(tmp_path, restore_refused, how):
    folder = write_safe(tmp_path, "L1C")
    path = zipped(folder, zipfile.ZIP_LZMA if how == "lzma" else zipfile.ZIP_DEFLATED)
    if how == "encrypted":
        content = bytearray(path.read_bytes())
        for sign, offset in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
            at = content.find(sign)
            while at >= 0:
                content[at + offset] |= 1
                at = content.find(sign, at + 4)
        path.write_bytes(content)
    restore_refused(path, words=["pack it again" if how == "lzma" else "cannot be read"])


@shows(GROUP, "zip archive of 20,001 files", "refused")
def test_archives_of_too_many_files(tmp_path, restore_refused):
    path = tmp_path / "many.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(20_001):
            archive.writestr(f"a/{number}", "")
    restore_refused(path, words=["more than 20000 files"])


@shows(GROUP, "product whose metadata are a pipe into which nobody writes", "refused, no waiting")
def test_pipes_are_not_waited_for(tmp_path, restore_refused):
    folder = write_safe(tmp_path, "L1C")
    (folder / "MTD_MSIL1C.xml").unlink()
    os.mkfifo(folder / "MTD_MSIL1C.xml")
    restore_refused(folder, words=["no regular file"])


@shows(GROUP, "product whose images are pipes, devices or folders", "refused, no waiting")
@pytest.mark.parametrize("kind", ["pipe", "device", "folder"])
def test_images_are_files(tmp_path, restore_refused, kind):
    folder = write_safe(tmp_path, "L1C")
    image = next(folder.rglob("*_B02.jp2"))
    image.unlink()
    if kind == "pipe":
        os.mkfifo(image)
    elif kind == "device":
        image.symlink_to("/dev/zero")
    else:
        image.mkdir()
    restore_refused(folder, words=["B02"])
