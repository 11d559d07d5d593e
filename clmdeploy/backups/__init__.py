"""Backups: restore points, their catalogue, retention, verification. Engines do the bytes."""
