"""Fabric tasks: what asks or streams one host. The read-only ones also run alone: `fab -r clmdeploy/tasks -c fab --list`."""
