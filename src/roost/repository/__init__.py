"""The configuration store on SQLite: transactions, layers, snapshots, composed lookup."""
