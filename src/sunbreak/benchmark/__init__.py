"""Bench: what Sunbreak costs on this machine, measured in fresh processes and told in tables.

The room is not called `bench`, as the folder of that name beside the package holds studies of the project itself. It
imports nothing here: what is measured begins with the import of this.
"""
