"""Training: pictures to batches, losses, the loop, export. Needs torch."""
