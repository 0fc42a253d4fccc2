"""State that a release wrote, for the next to find its way in."""
