"""Tables made from result files."""
