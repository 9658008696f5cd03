"""Plain values of the configuration model: property types, groups, bundles. No IO."""
