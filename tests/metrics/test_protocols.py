import math

import numpy as np
import pytest

from sunbreak.errors import OptionError
from sunbreak.metrics import PROTOCOLS, SsimWindow, average, get_protocol, psnr, score, ssim

QUALITY = np.ones((200, 180), np.uint8)
QUALITY[:60] = 3
QUALITY[60:80] = 2
QUALITY[80:100] = 4
QUALITY[-10:] = 0


@pytest.fixture
def pair():
    """Values below 0 and above 1 on both sides, as bright clouds and dark water have."""
    rng = np.random.default_rng(0)
    target = rng.normal(0.5, 0.4, (4, *QUALITY.shape))
    return target + rng.normal(0, 0.1, target.shape), target


def clipped(*images):
    return tuple(np.clip(image, 0, 1) for image in images)


@pytest.mark.parametrize("name", PROTOCOLS)
def test_identity_is_perfect(name, pair):
    image = np.clip(pair[1], 0.1, 1)
    scores = score(image, image, QUALITY, get_protocol(name))["all"]
    best = {"sunbreak": 100.0, "hpncr": 100.0, "glfcr": 100.0, "geocr": 120.0}.get(name, math.inf)
    assert scores.psnr == best
    assert scores.ssim == pytest.approx(1)
    assert scores.mae == 0 or math.isnan(scores.mae)


def test_sunbreak_scores_values_as_they_are(pair):
    scores = score(*pair, QUALITY, get_protocol("sunbreak"), ["all", "cloud", "shadow", "clear"])
    for region, rows in {"all": slice(0, 190), "cloud": slice(0, 80), "shadow": slice(80, 100)}.items():
        part = [image[:, rows] for image in pair]
        assert scores[region].psnr == pytest.approx(psnr(*part))
        mask = np.zeros(QUALITY.shape, bool)
        mask[rows] = True
        assert scores[region].ssim == pytest.approx(ssim(*pair, mask))
    assert scores["clear"].values == 90 * 180 * 4


def test_uncrtaints_and_geocr_clamp_both_sides(pair):
    data = QUALITY != 0
    centred = SsimWindow(border="zero")
    for name in ("uncrtaints", "geocr"):
        scores = score(*pair, QUALITY, get_protocol(name))["all"]
        assert scores.psnr == pytest.approx(psnr(*clipped(*pair), data))
        assert scores.ssim == pytest.approx(ssim(*clipped(*pair), data, window=centred))


def test_hpncr_has_the_window_beside_the_centre_and_no_rmse(pair):
    scores = score(*pair, QUALITY, get_protocol("hpncr"))["all"]
    window = SsimWindow(center=5.5, border="zero")
    assert scores.ssim == pytest.approx(ssim(*clipped(*pair), QUALITY != 0, window=window))
    assert scores.ssim != pytest.approx(ssim(*clipped(*pair), QUALITY != 0, window=SsimWindow(border="zero")), abs=1e-6)
    assert math.isnan(scores.rmse)


def test_glfcr_and_dsen2cr_score_the_central_square_and_clamp_the_target_only(pair):
    square = np.s_[:, 36:164, 26:154]
    prediction, target = pair[0][square], clipped(pair[1])[0][square]
    for name in ("glfcr", "dsen2cr"):
        scores = score(*pair, np.ones_like(QUALITY), get_protocol(name))["all"]
        assert scores.psnr == pytest.approx(psnr(prediction, target))
        assert scores.ssim == pytest.approx(ssim(prediction, target, window=get_protocol(name).ssim))
    assert math.isnan(score(*pair, QUALITY, get_protocol("glfcr"))["all"].sam)


def test_ssim_by_region_only_where_the_protocol_defines_it(pair):
    assert math.isnan(score(*pair, QUALITY, get_protocol("uncrtaints"), ["cloud"])["cloud"].ssim)
    assert math.isfinite(score(*pair, QUALITY, get_protocol("uncrtaints"), ["cloud"])["cloud"].psnr)
    assert math.isfinite(score(*pair, QUALITY, get_protocol("geocr"), ["cloud"])["cloud"].ssim)


def test_pixels_without_target_are_left_out(pair):
    target = pair[1].copy()
    target[0, 30:40] = np.nan
    scores = score(pair[0], target, QUALITY, get_protocol("sunbreak"), ["cloud"])["cloud"]
    assert scores.values == 70 * 180 * 4
    assert math.isfinite(scores.ssim)


def test_region_that_is_not_there(pair):
    scores = score(*pair, np.ones_like(QUALITY), get_protocol("sunbreak"), ["shadow"])["shadow"]
    assert scores.images == 0
    assert math.isnan(scores.psnr)


def test_mean_over_images_and_pooled_ratio_differ():
    rules, quality = get_protocol("sunbreak"), np.ones((20, 20), np.uint8)
    target = np.full((2, 20, 20), 0.2)
    made = [score(target + error, target, quality, rules)["all"] for error in (0.1, 0.001)]
    mean = average(made, rules)
    assert mean.psnr == pytest.approx((20 + 60) / 2)
    assert mean.psnr_pooled == pytest.approx(-10 * math.log10((0.1**2 + 0.001**2) / 2))
    assert mean.mae == pytest.approx(0.0505)
    assert mean.images == 2


def test_image_without_sam_is_left_out_of_its_mean_only():
    rules, quality = get_protocol("uncrtaints"), np.ones((20, 20), np.uint8)
    target = np.full((2, 20, 20), 0.2)
    black = score(np.zeros_like(target), target, quality, rules)["all"]
    mean = average([black, score(target, target, quality, rules)["all"]], rules)
    assert math.isnan(black.sam)
    assert mean.sam == pytest.approx(0, abs=1e-5)
    assert mean.mae == pytest.approx(0.1)


def test_unknown_protocol_names_those_there_are():
    with pytest.raises(OptionError, match="'psnr' is unknown; choose from sunbreak, uncrtaints, hpncr"):
        get_protocol("psnr")
