"""From credentials to an Actor."""
