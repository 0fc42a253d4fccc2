"""What this agent is, as it says in every request (docs/agent-protocol.md)."""

VERSION = "0.1.0"
PROTOCOL = 1
