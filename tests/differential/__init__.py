"""The stores against each other: random models, data, reads and policies must give the same answers."""
