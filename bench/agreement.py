"""How far could any restoration get on real pairs? The two dates of each pair compared where both are clear.

    python bench/agreement.py DATA

`DATA` is the folder of a collection. For each real triplet of its test split with 2 to 97 % cloud: PSNR in dB between
the cloudy image and the clear one of another date over pixels clear in both, as they are and after the clear one is
matched to the input by mean and standard deviation per band. What differs there is season, sun, haze and change, not
cloud: a restoration of the input's date is not to be expected nearer to the target under the clouds.
"""

import sys

import numpy as np

from sunbreak.data import open_data
from sunbreak.legend import Quality
from sunbreak.metrics.matching import match_to_input

SPEC = "collection:{root},split=test,min_cloud=0.02,max_cloud=0.97"


def psnr(difference: np.ndarray) -> float:
    return float(-10 * np.log10(np.mean(difference**2)))


def main(root: str) -> None:
    spec = SPEC.format(root=root)
    data = open_data(spec)
    print(f"data {spec} (hash {data.split_hash})\n")
    print("| triplet | cloud | clear pixels | raw | matched |\n|---|---|---|---|---|")
    found = []
    for sample in data:
        clear = (sample.quality == Quality.CLEAR) & np.isfinite(sample.cloudy).all(axis=0)
        if sample.clear is None:
            continue
        clear &= np.isfinite(sample.clear).all(axis=0)
        matched = match_to_input(sample.clear, sample.cloudy, clear)
        raw = psnr((sample.clear - sample.cloudy)[:, clear])
        after = float("nan") if matched is None else psnr((matched - sample.cloudy)[:, clear])
        found.append((raw, after))
        cover = 100 * float(np.isin(sample.quality, (Quality.THIN_CLOUD, Quality.THICK_CLOUD)).mean())
        print(f"| {sample.name} | {cover:.1f} % | {int(clear.sum())} | {raw:.1f} | {after:.1f} |")
    raw, after = np.nanmean(found, axis=0)
    print(f"| mean | | | {raw:.1f} | {after:.1f} |")


if __name__ == "__main__":
    main(sys.argv[1])
