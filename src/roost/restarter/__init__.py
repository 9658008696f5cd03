"""Runs methods: contexts, credentials, limits, logs, contracts. Not asyncio, never blocking.

`roost.restarter.ports` is what the daemon sees; `roost.restarter.restarter.Restarter` does
it. Nothing is imported here, so that ``ports`` stays cheap for who only needs the names.
"""
