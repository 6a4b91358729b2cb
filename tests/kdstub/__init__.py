"""Tests of the guest's KD stub: compiled here, driven over a socket by a KD host of the tests' own."""
