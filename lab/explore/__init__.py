"""Traffic that nobody thought of: made up, done in the guest, held against the model, cut down when it fails."""
