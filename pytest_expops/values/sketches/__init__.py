"""What a baseline keeps of a value: a small summary that can be compared within a tolerance."""
