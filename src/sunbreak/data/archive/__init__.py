"""Archives of the user's own area: dated optical and radar images of one place."""

from sunbreak.data.archive.archive import FORM, open_archive
from sunbreak.data.archive.images import LARGEST, Archive, DatedImage
from sunbreak.data.archive.samples import open_samples
from sunbreak.data.archive.survey import Look, survey

__all__ = ["FORM", "LARGEST", "Archive", "DatedImage", "Look", "open_archive", "open_samples", "survey"]
