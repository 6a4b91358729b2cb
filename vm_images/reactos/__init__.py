"""The ReactOS guest: a free NT kernel, installed anew for every scenario from the user's own boot CD.

It has no WinRM and no SSH here: driver, traffic program and script come on a CD, what happened comes over COM2.
"""
