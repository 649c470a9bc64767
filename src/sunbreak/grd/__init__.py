"""Sentinel-1 ground range products (GRD): what the sensor recorded becomes backscatter on a map."""
