"""Tests of the kernel debugger client."""
