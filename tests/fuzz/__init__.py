"""Coverage-guided fuzzing of what reads a target's bytes: `make fuzz`. The suite replays the seeds."""
