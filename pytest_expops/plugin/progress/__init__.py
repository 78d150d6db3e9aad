"""What a person sees of a run while it goes on, and which worker did what."""
