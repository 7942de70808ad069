"""Speed figures, and what they are measured against: reference steps, direct loops, BasicSR."""
