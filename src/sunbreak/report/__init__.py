"""Reports: one self-contained HTML page on a product or on an evaluation."""

from sunbreak.report.write import write_page

__all__ = ["write_page"]
