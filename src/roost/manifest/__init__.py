"""Service bundles in XML, in and out."""
