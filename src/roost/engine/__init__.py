"""PURE: the dependency graph, states and restart rules. Events in, commands out.

No clock, no process, no file, no socket, no logging. Imports only `roost.model`,
`roost.fmri` and `roost.errors`.
"""
