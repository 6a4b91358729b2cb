"""Automatic tests of Windows kernel drivers in a virtual machine with the kernel debugger attached."""
