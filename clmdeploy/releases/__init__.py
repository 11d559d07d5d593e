"""Releases: bundle, manifest, signature, catalogue, notes, history."""
