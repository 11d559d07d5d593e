"""Telling people: what a notice says, when one is due, and how it gets to them."""
