"""What every test has in common."""

from hypothesis import settings

# How long one example takes says nothing on a machine that others use too; pytest-timeout bounds the whole test.
settings.register_profile("shared-machine", deadline=None)
settings.load_profile("shared-machine")
