"""What every test has in common."""

import os
import signal

from hypothesis import settings

from services.shared.grpc_client import call, call_blocking
from services.shared.kernel_cache import share_kernel_cache
from tests.support.platform import KERNELS
from tests.support.timing import PATIENCE_SECONDS

# How long one example takes says nothing on a machine that others use too; pytest-timeout bounds the whole test.
settings.register_profile("shared-machine", deadline=None)
settings.load_profile("shared-machine")

# A call that a busy machine answers late is not one that fails; tests of deadlines name their own.
for ask in (call, call_blocking):
    ask.__kwdefaults__["timeout"] = PATIENCE_SECONDS

# Test processes, and those that they start, run side by side and compile the same kernels into one folder.
os.environ.setdefault("NUMBA_CACHE_DIR", str(KERNELS))
share_kernel_cache()

# A test means what it says wherever it runs: below a dumb terminal, in an instance's own environment, or in the
# background of a shell, which hands SIGINT down as ignored.
os.environ["TERM"] = "xterm-256color"
for variable in [name for name in os.environ if name.startswith("MUSICGEN_")]:
    del os.environ[variable]
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
