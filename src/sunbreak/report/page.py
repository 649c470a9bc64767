"""The frame of every report: one HTML file, pictures inside it, no script, no request."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any, Final

from sunbreak._version import __version__

STYLE: Final = """
body{max-width:980px;margin:0 auto;padding:24px 20px 60px;color:#1d2329;background:#fff;
font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"DejaVu Sans",sans-serif}
h1{margin:0 0 4px;font-size:26px}h2{margin:36px 0 10px;padding-top:14px;border-top:1px solid #dfe3e7;font-size:19px}
h3{margin:18px 0 6px;font-size:15px}.lead,figcaption,.note{color:#58636e}figure{margin:0 0 14px}
img{display:block;max-width:100%;height:auto}.photos{display:grid;gap:12px;
grid-template-columns:repeat(auto-fit,minmax(280px,1fr))}.photos img{width:100%;border-radius:4px}
.charts{display:grid;gap:18px;grid-template-columns:repeat(auto-fit,minmax(360px,1fr))}
svg text{font-size:11px;fill:#58636e}
.bar{width:100%;height:16px;border-radius:3px}.shares{columns:3 200px;padding:0;list-style:none}
.swatch{width:12px;height:12px;border:1px solid #0003}.wide{overflow-x:auto}table{border-collapse:collapse;
font-variant-numeric:tabular-nums}th,td{padding:3px 10px;border-bottom:1px solid #e6e9ec;text-align:left;
vertical-align:top}td.number,th.number{text-align:right}th{color:#58636e;font-weight:500}td{overflow-wrap:anywhere}
"""
POLICY: Final = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
"""The page is a file anyone may pass on: a browser that honours this loads nothing beside it."""


def page(title: str, lead: str, sections: Sequence[tuple[str, str]]) -> str:
    """Put a report together.

    Args:
        title: The title.
        lead: A line below it.
        sections: Heading and HTML of each section; empty ones are left out.

    Returns:
        The HTML file.
    """
    body = "".join(f"<section><h2>{escape(name)}</h2>{content}</section>" for name, content in sections if content)
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><title>{escape(title)}</title>'
        f"<style>{STYLE}</style></head><body><h1>{escape(title)}</h1>"
        f'<p class="lead">{escape(lead)}</p>{body}<p class="note">Written by sunbreak {__version__}.</p>'
        "</body></html>\n"
    )


def photo(png: bytes, caption: str) -> str:
    """A picture inside the page.

    Args:
        png: A PNG file.
        caption: What it shows.

    Returns:
        A `figure` element.
    """
    data = base64.b64encode(png).decode("ascii")
    text = escape(caption, quote=True)
    return f'<figure><img src="data:image/png;base64,{data}" alt="{text}"><figcaption>{text}</figcaption></figure>'


def facts(rows: Mapping[str, Any]) -> str:
    """A table of names and values.

    Args:
        rows: Values by name; those that are None are left out.

    Returns:
        A `table` element; empty without a row.
    """
    cells = [
        f"<tr><th>{escape(name)}</th><td>{escape(_text(value))}</td></tr>"
        for name, value in rows.items()
        if value not in (None, "", [], {})
    ]
    return f"<table>{''.join(cells)}</table>" if cells else ""


def _text(value: Any) -> str:
    if isinstance(value, Mapping):
        return "; ".join(f"{name}: {_text(one)}" for name, one in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(_text(one) for one in value)
    return str(value)


def table(head: Sequence[str], rows: Sequence[Sequence[str]], numeric: Sequence[bool]) -> str:
    """A table that scrolls where it is too wide.

    Args:
        head: Texts of the columns' heads.
        rows: Texts of the cells.
        numeric: Whether a column is aligned to the right.

    Returns:
        HTML.
    """
    classes = [' class="number"' if number else "" for number in numeric]
    top = "".join(f"<th{kind}>{escape(text)}</th>" for text, kind in zip(head, classes, strict=True))
    lines = ["".join(f"<td{kind}>{escape(text)}</td>" for text, kind in zip(row, classes, strict=True)) for row in rows]
    return f'<div class="wide"><table><tr>{top}</tr>{"".join(f"<tr>{line}</tr>" for line in lines)}</table></div>'
