"""Results of several authors: merged, ranked, and exported in formats of other sites."""
