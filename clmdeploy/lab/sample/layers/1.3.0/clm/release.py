"""Which release this is, and the lowest schema that it runs on. release.yml says the same."""

VERSION = "1.3.0"
NEEDS_SCHEMA = 2
