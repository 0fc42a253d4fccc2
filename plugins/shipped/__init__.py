"""The plugins that ship with the node, a list a kind, loaded by the registry when first asked for."""
