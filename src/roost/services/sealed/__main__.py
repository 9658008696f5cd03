"""Run the method of sealed storage: ``python -m roost.services.sealed start|stop ...``."""

import sys

from roost.services.sealed.method import main

sys.exit(main())
