"""Many processes doing device I/O in the guest: scripts for the traffic program, its events, histories."""
