"""Planners: from facts to a plan. Pure: no host, no bucket, no clock."""
