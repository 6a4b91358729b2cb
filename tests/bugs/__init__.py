"""Drivers with one classic bug each, and which of the lab's checks finds it: `python -m tests.bugs`."""
