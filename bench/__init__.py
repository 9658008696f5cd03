"""Figures of roost beside Supervisor's, on the same work in the same run."""
