"""Series: what runs came to over time."""
