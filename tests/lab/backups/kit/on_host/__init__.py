"""Programs that run on a host as root: standard library only, each sent as a whole over standard input."""
