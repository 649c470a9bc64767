"""Raster files: open them safely, read windows, resample exactly, write COGs whole or not at all."""
