"""The command of `services.generation.models.command`."""

import sys

from services.generation.models.command import main

sys.exit(main(sys.argv[1:]))
