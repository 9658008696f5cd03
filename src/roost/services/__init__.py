"""The services that roost ships: each a manifest and a method."""
