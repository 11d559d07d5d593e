"""A kit for "create, wreck, restore": data with everything odd in it, its digest, and the ways to destroy it."""
