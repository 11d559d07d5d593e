"""Queries: gather the facts that planners and listings need, through ports."""
