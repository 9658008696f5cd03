"""The interface of svc.startd: Varlink on a Unix socket, framing, and the client."""
