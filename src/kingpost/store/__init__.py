"""Where entities are kept: one room for each engine, and the conformance suite they all pass."""
