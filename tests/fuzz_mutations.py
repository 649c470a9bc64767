"""Valid files, spoilt: strategies of Hypothesis that change bytes, XML, JSON and tables where it may hurt."""

import copy
import json
import re

from hypothesis import strategies as st

NUMBERS = (0, 1, -1, 2, 255, 256, 65_535, 65_536, 2**31 - 1, 2**31, 2**32 - 1, 2**63 - 1, 2**63, 10**30, -(10**9))
WORDS = (
    "", " ", "\0", "nan", "inf", "-inf", "1e999", "1e-999", "-0", "0x10", "9" * 5000, "../..", "/etc/passwd", "None",
    "[]", "{}", "<a>", "&lt;", "&a;", "\ud7ff", "é☃", "a" * 3000, "%s%n", "2024-02-30T25:61:61Z", "99999-01-01",
    "http://127.0.0.1:9/a.tif", "file:///etc/passwd", "/vsicurl/http://127.0.0.1:9/a", "EPSG:0", "EPSG:99999999",
    "B02", "L2A", "VV", "GRD", "-1000", "0", "1", "true", "1,2", "=1+1", '"', "\n", "\ufeff",
)  # fmt: skip

words = st.sampled_from(WORDS) | st.text(max_size=20) | st.integers().map(str) | st.floats().map(str)
scalars = (
    st.none() | st.booleans() | st.sampled_from(NUMBERS) | st.sampled_from(WORDS) | st.floats() | st.text(max_size=8)
)
values = scalars | st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)  # fmt: skip


names = words.map(lambda text: text.replace("\0", "").encode("utf-8", "ignore").decode())
"""Words that the system can take as a name or an argument."""


def latin(content):
    """Spoilt bytes as text."""
    return content.decode("latin-1")


def mostly(right):
    """A value of the right form three times out of four, any value otherwise."""
    return st.integers(0, 3).flatmap(lambda form: right if form else scalars)


def deep(depth):
    return "[" * depth + "]" * depth


@st.composite
def spoilt_bytes(draw, valid):
    """One to four changes; half of them in the first bytes, where headers are."""
    content = bytearray(valid)
    for _ in range(draw(st.integers(1, 4))):
        if not content:
            break
        last = len(content) - 1
        at = draw(st.integers(0, min(last, 400)) | st.integers(0, last))
        kind = draw(st.sampled_from(("flip", "set", "number", "insert", "delete", "copy", "cut")))
        if kind == "flip":
            content[at] ^= 1 << draw(st.integers(0, 7))
        elif kind == "set":
            content[at] = draw(st.integers(0, 255))
        elif kind == "number":
            width, order = draw(st.sampled_from((2, 4, 8))), draw(st.sampled_from(("little", "big")))
            number = draw(st.sampled_from(NUMBERS)) % 256**width
            content[at : at + width] = number.to_bytes(width, order)
        elif kind == "insert":
            content[at:at] = draw(st.binary(min_size=1, max_size=8))
        elif kind == "delete":
            del content[at : at + draw(st.integers(1, 64))]
        elif kind == "copy":
            there, length = draw(st.integers(0, last)), draw(st.integers(1, 64))
            content[at : at + length] = content[there : there + length]
        else:
            del content[at:]
    return bytes(content)


@st.composite
def spoilt_text(draw, valid, holes):
    """Other words in places that `holes` finds (group 1), lines away or twice; then, at times, other bytes."""
    text = valid
    for _ in range(draw(st.integers(1, 3))):
        found = [match.span(1) for match in re.finditer(holes, text)]
        kind = draw(st.sampled_from(("word", "word", "word", "drop", "twice")))
        if kind == "word" and found:
            start, stop = draw(st.sampled_from(found))
            text = text[:start] + draw(words) + text[stop:]
        else:
            lines = text.splitlines(keepends=True) or [""]
            at = draw(st.integers(0, len(lines) - 1))
            lines[at : at + 1] = [] if kind == "drop" else [lines[at]] * 2
            text = "".join(lines)
    content = text.encode("utf-8", "surrogatepass")
    return draw(spoilt_bytes(content)) if content and draw(st.integers(0, 4)) == 0 else content


def spoilt_xml(valid):
    """Other texts and attributes; elements away or twice, as far as each has a line of its own."""
    return spoilt_text(valid, r"((?<=>)[^<>\s][^<>]*(?=<)|(?<==\")[^\"]*)")


def spoilt_table(valid):
    """Other cells."""
    return spoilt_text(valid, r"(?:^|[,\n])([^,\n]*)")


def places(node, path=()):
    """Every place in a JSON document."""
    yield path
    for key, value in node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ():
        yield from places(value, (*path, key))


@st.composite
def spoilt_json(draw, valid):
    """Other values, keys away; at times nested without end, or not JSON at all."""
    form = draw(st.integers(0, 19))
    if form == 0:
        return deep(draw(st.sampled_from((100, 5_000, 200_000)))).encode()
    root = [copy.deepcopy(valid)]
    for _ in range(draw(st.integers(1, 3))):
        *above, last = draw(st.sampled_from(list(places(root[0], (0,)))))
        holder = root
        for key in above:
            holder = holder[key]
        if above and draw(st.integers(0, 4)) == 0:
            del holder[last]
        else:
            holder[last] = draw(values)
    content = json.dumps(root[0]).encode("utf-8", "surrogatepass")
    return draw(spoilt_bytes(content)) if form == 1 else content
