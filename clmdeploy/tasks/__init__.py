"""Fabric tasks: what asks or streams one host. Some also run alone: `fab -r clmdeploy/tasks -c fab --list`."""
