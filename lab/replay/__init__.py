"""Runs a failed scenario again from what it left on disk, and says whether the same happens."""
