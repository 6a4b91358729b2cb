"""Tests of the driver as it is built."""
