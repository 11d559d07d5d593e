"""What people and pipelines see. Imported only when something is shown: these modules load rich."""
