"""Activation past approval in an emergency: loud, and reviewed afterwards by somebody else."""
