"""What a local AWS knows, on disk in its home, so that the next one on that home goes on with it."""
