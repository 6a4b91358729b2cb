"""Crashes and hangs: dump files of every kind, what they hold, and what it means."""
