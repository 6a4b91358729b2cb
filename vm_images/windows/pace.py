"""How long the parts of an installation take at most, and what shows that they go on."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace


@dataclass(frozen=True)
class Pace:
    """Deadlines in seconds under KVM, amounts in bytes. What a deadline's end means is in `Installation`."""

    firmware: float = 180
    """From power-on until the medium is being read."""
    prepare: float = 900
    """Until setup writes to the disk."""
    copy: float = 3600
    """Until the first restart."""
    specialize: float = 3600
    """From there to the first logon."""
    stage: float = 900
    """One stage of the provisioning."""
    read_back: float = 1200
    """From the restart until the settings were read back; also any later start."""
    still: float = 600
    """Neither disk nor picture change, while setup should be at work."""
    power_off: float = 180
    picture: float = 60
    """Between two pictures of the screen that are kept."""
    look: float = 0.5
    """Between two looks at the machine."""
    cd_bytes: int = 64 << 20
    """Read from the medium: more than firmware reads to find out what it is."""
    disk_bytes: int = 256 << 20
    """Written to the disk: more than the partitions need."""

    def slower(self, factor: float) -> Pace:
        """With every deadline `factor` times as long."""
        kept = ("picture", "look", "cd_bytes", "disk_bytes")
        return replace(self, **{f.name: getattr(self, f.name) * factor for f in fields(self) if f.name not in kept})
