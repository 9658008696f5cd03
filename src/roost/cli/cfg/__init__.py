"""The parts of svccfg: its language, its commands, its reading of input.

``lexer`` and ``values`` are pure text work; ``store`` speaks to svc.startd; ``entities``,
``properties``, ``snapshots``, ``bundles``, ``hashes``, ``profiles``, ``archives``, ``environment`` and
``editing`` hold the subcommands, ``table``
lists them, ``runner`` reads and runs them, ``completion`` serves the interactive session.
"""
