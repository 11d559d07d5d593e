"""clmdeploy: releases, maintenance and backups of CLM, each piece of work a change."""

__version__ = "0.1.0"
