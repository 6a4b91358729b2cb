"""The results of all runs in one SQLite file, and what is asked of them."""
