"""Who may do what: rules that rewrite a question. Pure; nothing here does I/O."""
