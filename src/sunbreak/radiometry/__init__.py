"""What the numbers of a file mean: level, offset, band order, units, dates, from metadata first."""
