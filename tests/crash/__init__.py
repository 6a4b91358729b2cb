"""Tests of dump files, and of what is made of them."""
