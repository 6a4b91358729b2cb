"""Many hosts: jobs for workers that have virtual machines, over TLS, with Dask.distributed underneath."""
