"""Tests of lab.scenario."""
