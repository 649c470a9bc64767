"""The viewer: a local web page on finished products. Needs the extra `view` (FastAPI, rio-tiler)."""
