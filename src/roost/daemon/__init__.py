"""svc.startd: wires repository, engine and restarter; serves the API."""
