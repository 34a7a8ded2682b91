"""How it is asked: one room for each protocol, each with describe, read, write and app."""
