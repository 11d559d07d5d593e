"""The core: plan, executor, journal, lease, ledger, and the ports that adapters implement."""
