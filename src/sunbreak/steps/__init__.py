"""The steps of the product, one a file, in the order of the data flow."""
