"""What a team declares: entities, fields, relations, policies and actions, read into one frozen Manifest."""
