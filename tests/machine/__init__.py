"""Tests of the VM and what is around it."""
