"""The organisation of the demo. Everyone and everything in it is invented."""
