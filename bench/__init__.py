"""Measures Kingpost against hand-written code and other frameworks, over the same data, in one run."""
