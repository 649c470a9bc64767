"""Draw the figures of the documentation again, from a simulated scene: python docs/figures.py (needs Chromium)."""

import sys
import tempfile
from pathlib import Path

import rasterio

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from browser import Visit, chromium, serving
from sunbreak.pipeline import process
from sunbreak.report import write_page
from sunbreak.simulate import CloudSpec, SceneSpec, write_scene
from sunbreak.steps.preview import preview
from sunbreak.steps.restore import RestoreOptions

IMAGES = Path(__file__).parent / "images"
QUALITY = 82


def to_jpeg(png, name):
    """Keep a picture small: PNG screenshots of imagery are megabytes."""
    with rasterio.open(png) as file:
        picture = file.read([1, 2, 3])
    _, height, width = picture.shape
    profile = {"driver": "JPEG", "width": width, "height": height, "count": 3, "dtype": "uint8", "QUALITY": QUALITY}
    with rasterio.open(IMAGES / name, "w", **profile) as file:
        file.write(picture)
    for extra in IMAGES.glob("*.aux.xml"):
        extra.unlink()


def views(browser, address, folder):
    """Screenshots of the viewer."""
    shots = {
        "view.jpg": ("swipe=48", {"width": 1280, "height": 760}),
        "view-quality.jpg": ("left=quality&right=uncertainty&swipe=50", {"width": 1280, "height": 760}),
        "view-phone.jpg": ("bands=false-colour", {"width": 390, "height": 780, "has_touch": True, "is_mobile": True}),
    }
    for name, (view, size) in shots.items():
        visit = Visit(browser, f"{address}#{view}", **size)
        if name == "view.jpg":
            visit.page.mouse.click(250, 300)
            visit.page.wait_for_selector("#pixel:not([hidden])")
        visit.page.screenshot(path=folder / "shot.png")
        to_jpeg(folder / "shot.png", name)
        visit.page.close()


def charts(browser, html, folder):
    """The charts of a report."""
    page = browser.new_page(viewport={"width": 1000, "height": 800})
    page.goto(html.as_uri())
    for name, heading in (("spectra.jpg", "Spectra"), ("calibration.jpg", "Uncertainty")):
        page.locator("section", has_text=heading).filter(has=page.locator(f"h2:text-is('{heading}')")).screenshot(
            path=folder / "shot.png"
        )
        to_jpeg(folder / "shot.png", name)


def main():
    """Simulate, restore, look."""
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        scene, out = folder / "scene", folder / "simulated"
        write_scene(SceneSpec(size=768, seed=7, clouds=CloudSpec(seed=7)), scene)
        process(scene / "optical.tif", scene / "radar.tif", out, restore_options=RestoreOptions(everywhere=True))
        to_jpeg(preview(scene, folder / "scene.png"), "simulated.jpg")
        to_jpeg(out / "preview.png", "product.jpg")
        with chromium() as browser:
            with serving(out) as address:
                views(browser, address, folder)
            charts(browser, write_page(out, folder / "report.html"), folder)


if __name__ == "__main__":
    main()
