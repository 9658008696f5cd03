"""The parts of svccfg: its language, its commands, its reading of input.

``lexer`` and ``values`` are pure text work, and so is ``templates``; ``store`` speaks to
svc.startd. ``table`` lists the subcommands of all other modules, ``runner`` reads and runs them,
``completion`` and ``dialogue`` serve the interactive session.
"""
