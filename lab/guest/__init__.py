"""Inside the guest: commands over WinRM, files over SFTP, services."""
