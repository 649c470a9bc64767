"""Collaborative transfer of a clear-sky classifier to cloudy optical and radar pairs without target labels."""
