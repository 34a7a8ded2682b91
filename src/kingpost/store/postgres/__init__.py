"""Keeps entities in PostgreSQL 15 or newer: one statement a question, answered in JSON that is never decoded."""
