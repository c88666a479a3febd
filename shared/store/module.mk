# See docs/ARCHITECTURE.md
