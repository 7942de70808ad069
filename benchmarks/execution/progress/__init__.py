"""Views of a run: progress on a terminal and in log files."""
