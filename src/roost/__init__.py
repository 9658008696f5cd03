"""roost: the Service Management Facility for Linux."""

__version__ = "0.1.0"
