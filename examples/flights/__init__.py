"""The running example: every departure from New York's three airports in 2013, as an API."""
