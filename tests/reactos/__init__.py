"""The profile for ReactOS."""
