"""The scenarios here provoke bugs: they are not run for themselves."""

collect_ignore = ["scenarios"]
