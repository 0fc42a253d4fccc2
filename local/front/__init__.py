"""The HTTP front: connections, their deadlines, and the workers that call the app."""
