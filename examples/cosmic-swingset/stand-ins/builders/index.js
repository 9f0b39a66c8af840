// cosmic-swingset imports this package for its type checker only, and the published one lacks this file.
