"""The interface of svc.startd: Varlink on a Unix socket, its client and its server.

``client`` and ``wire`` are what commands import; ``server``, ``connection`` and ``idl`` are
the daemon's. The meaning of the methods is in the ``.varlink`` files.
"""
