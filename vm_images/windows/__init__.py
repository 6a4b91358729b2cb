"""The Windows guest image: built unattended in QEMU from the user's own installation medium."""
