"""What archives publish: single files, STAC items, SAFE folders and zips; which file in them is which band."""
