"""Small Sentinel-2 products in the layout of ESA: JPEG 2000 images, metadata of product and tile; folder or zip."""

import zipfile

import numpy as np

from conftest import write_raster
from stac_layouts import SIZE, dn_of, grid, scl
from sunbreak.bands import BANDS_BY_LEVEL, OPTICAL_BANDS

TILE = "T33UUT"
TIME = "20240527T102031"
LOSSLESS = {"driver": "JP2OpenJPEG", "QUALITY": "100", "REVERSIBLE": "YES"}
"""As ESA's processor packs them, apart from the size of the blocks."""


def product_name(level, baseline="05.10"):
    return f"S2A_MSIL{level[1:]}_{TIME}_N{baseline.replace('.', '')}_R065_{TILE}_20240527T141500.SAFE"


def offset_of(baseline):
    return -1000 if float(baseline) >= 4 else 0


def product_xml(level, baseline, images):
    """`MTD_MSIL1C.xml` or `MTD_MSIL2A.xml`; radiometric offsets appear from baseline 04.00 on."""
    key = {"L1C": "RADIO", "L2A": "BOA"}[level]
    plural = {"L1C": "Radiometric_Offset_List", "L2A": "BOA_ADD_OFFSET_VALUES_LIST"}[level]
    offset = offset_of(baseline)
    offsets = "".join(f'<{key}_ADD_OFFSET band_id="{number}">{offset}</{key}_ADD_OFFSET>' for number in range(13))
    listed = "".join(f"<IMAGE_FILE>{name}</IMAGE_FILE>" for name in images)
    quantification = {
        "L1C": '<QUANTIFICATION_VALUE unit="none">10000</QUANTIFICATION_VALUE>',
        "L2A": "<QUANTIFICATION_VALUES_LIST>"
        '<BOA_QUANTIFICATION_VALUE unit="none">10000</BOA_QUANTIFICATION_VALUE>'
        '<AOT_QUANTIFICATION_VALUE unit="none">1000.0</AOT_QUANTIFICATION_VALUE></QUANTIFICATION_VALUES_LIST>',
    }[level]
    number = level[1:]
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<n1:Level-{number}_User_Product xmlns:n1="https://psd-14.sentinel2.eo.esa.int/PSD/User_Product_Level-{number}.xsd">
<n1:General_Info><Product_Info>
<PRODUCT_START_TIME>2024-05-27T10:20:31.024Z</PRODUCT_START_TIME>
<PRODUCT_URI>{product_name(level, baseline)}</PRODUCT_URI>
<PROCESSING_LEVEL>Level-{number}</PROCESSING_LEVEL><PRODUCT_TYPE>S2MSI{number}</PRODUCT_TYPE>
<PROCESSING_BASELINE>{baseline}</PROCESSING_BASELINE>
<Datatake datatakeIdentifier="GS2A_{TIME}"><SPACECRAFT_NAME>Sentinel-2A</SPACECRAFT_NAME></Datatake>
<Product_Organisation><Granule_List>
<Granule datastripIdentifier="S2A" granuleIdentifier="{TILE}" imageFormat="JPEG2000">
{listed}</Granule></Granule_List></Product_Organisation></Product_Info>
<Product_Image_Characteristics><Special_Values><SPECIAL_VALUE_TEXT>NODATA</SPECIAL_VALUE_TEXT>
<SPECIAL_VALUE_INDEX>0</SPECIAL_VALUE_INDEX></Special_Values>{quantification}
{f"<{plural}>{offsets}</{plural}>" if offset else ""}</Product_Image_Characteristics></n1:General_Info>
</n1:Level-{number}_User_Product>"""


def tile_xml(level):
    """`MTD_TL.xml`."""
    number = level[1:]
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<n1:Level-{number}_Tile_ID xmlns:n1="https://psd-14.sentinel2.eo.esa.int/PSD/S2_PDI_Level-{number}_Tile_Metadata.xsd">
<n1:General_Info><TILE_ID>S2A_OPER_MSI_L{number}_TL_2APS_{TIME}_A046640_{TILE}_N05.10</TILE_ID>
<SENSING_TIME>2024-05-27T10:24:16.538Z</SENSING_TIME></n1:General_Info>
<n1:Geometric_Info><Tile_Angles><Mean_Sun_Angle><ZENITH_ANGLE unit="deg">31.5</ZENITH_ANGLE>
<AZIMUTH_ANGLE unit="deg">152.25</AZIMUTH_ANGLE></Mean_Sun_Angle></Tile_Angles></n1:Geometric_Info>
</n1:Level-{number}_Tile_ID>"""


def write_jp2(path, plane, resolution):
    path.parent.mkdir(parents=True, exist_ok=True)
    write_raster(path, plane[np.newaxis], transform=grid(resolution), **LOSSLESS)


def write_safe(root, level="L2A", baseline="05.10", size=SIZE, probability=0):
    """A `.SAFE` folder under `root`; the upper third lies under cloud. Returns its path."""
    folder = root / product_name(level, baseline)
    granule = f"GRANULE/{level}_{TILE}_A046640_{TIME}"
    images = []
    for band in BANDS_BY_LEVEL[level]:
        resolution = OPTICAL_BANDS[band].resolution
        # L2A holds 10 m bands at 20 m and 60 m, too
        for metres in (resolution, 60) if level == "L2A" and resolution < 60 else (resolution,):
            place = f"R{metres}m/{TILE}_{TIME}_{band}_{metres}m" if level == "L2A" else f"{TILE}_{TIME}_{band}"
            plane = dn_of(band, offset_of(baseline), size)[:: metres // resolution, :: metres // resolution]
            write_jp2(folder / granule / "IMG_DATA" / f"{place}.jp2", plane, metres)
            images.append(f"{granule}/IMG_DATA/{place}")
    if level == "L2A":
        write_jp2(folder / granule / f"IMG_DATA/R20m/{TILE}_{TIME}_SCL_20m.jp2", scl(size), 20)
        percent = np.full((size // 2, size // 2), probability, "uint8")
        write_jp2(folder / granule / "QI_DATA/MSK_CLDPRB_20m.jp2", percent, 20)
    (folder / f"MTD_MSI{level}.xml").write_text(product_xml(level, baseline, images))
    (folder / granule / "MTD_TL.xml").write_text(tile_xml(level))
    (folder / "manifest.safe").write_text("<xfdu/>")
    return folder


def zipped(folder, compression=zipfile.ZIP_DEFLATED):
    """The archive of a product, as it is downloaded."""
    path = folder.with_suffix(".zip")
    with zipfile.ZipFile(path, "w", compression) as archive:
        for file in sorted(folder.rglob("*")):
            archive.write(file, f"{folder.name}/{file.relative_to(folder)}")
    return path
