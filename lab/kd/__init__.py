"""The kernel debugger's host side: packets, link, client, log. Nothing here knows which guest it talks to."""
