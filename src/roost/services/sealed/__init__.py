"""Sealed storage: a directory tree kept as one encrypted file while it is not in use.

The service ``svc:/system/filesystem/sealed`` has an instance for each store. Its start method
needs a passphrase and opens the file into memory; its stop method needs none and seals the
tree again. What holds whatever happens::

    file      the sealed file is complete at every moment: a new one is written beside it,
              synchronised, and renamed over it
    session   the record below the run directory exists if and only if the open tree is
              complete and newer than, or equal to, the file. It is written after the last
              byte is opened and removed before the first is wiped. Nothing is ever sealed
              without it, so neither half an opening nor half a wipe can reach the file

Rooms: ``container`` the format of the file; ``archive`` a tree as a stream; ``session`` the
record and the lock; ``places`` mounts, links, wiping; ``method`` start and stop.
"""
