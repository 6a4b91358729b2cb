"""What of a driver's source ran in scenarios: counters that the driver tells, mapped to lines and branches."""
