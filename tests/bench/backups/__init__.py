"""Backups beside the bare engines: what clmdeploy adds to pgBackRest and restic called by hand."""
