"""REST: collections under /v1, asked by path and query string, answered as JSON."""
