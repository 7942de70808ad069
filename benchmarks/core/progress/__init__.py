"""Progress on the terminal: of steps, and of transfers."""
