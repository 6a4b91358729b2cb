"""Farms of real processes on loopback."""
