"""The catalogue: one module a language. A test keeps keys and placeholders alike."""
