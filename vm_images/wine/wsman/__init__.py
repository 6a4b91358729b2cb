"""WS-Management shell service for a guest in which Wine runs the Windows programs.

What WinRM clients need to run commands: shells, commands, their streams and signals, over HTTP with Basic or NTLM
authentication and NTLM's message encryption. It starts on an emulated machine, where each import costs: it listens
before pyspnego, which does NTLM, is loaded.
"""
