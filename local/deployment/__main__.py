"""``python -m local.deployment``."""

from local.deployment import write

if __name__ == "__main__":
    write()
