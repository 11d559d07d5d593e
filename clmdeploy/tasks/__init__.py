"""Fabric tasks: what asks or streams one host. The read-only ones also run alone with `fab`."""
