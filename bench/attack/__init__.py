"""A bounded attack on a node of one's own, and what others get of it meanwhile."""
