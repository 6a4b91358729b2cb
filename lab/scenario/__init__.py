"""Scenarios: YAML in, verdict out."""
