"""Measurements of the lab, side by side in one run. Machines are noisy: read the ratios, not the seconds."""
