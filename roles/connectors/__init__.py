"""How the portal speaks to directories: one module per kind, all behind the protocol in `base`."""
