"""The virtual machine: QEMU's command line, accelerator, QMP, snapshots and the supervisor that owns them."""
