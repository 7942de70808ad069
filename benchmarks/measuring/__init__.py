"""Speed figures and the implementations that they are compared with: reference steps, direct loops, BasicSR."""
