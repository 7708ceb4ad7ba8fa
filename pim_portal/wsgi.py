"""The portal as a WSGI application. Unsafe settings, and a database without its triggers, stop the start."""

import gc
import os

from django.core.wsgi import get_wsgi_application

from pim_portal.checks import refuse_unsafe_start

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "pim_portal.settings")

application = get_wsgi_application()
refuse_unsafe_start()

# What is loaded by now stays: a full collection that walks all of it stops every request of this process for 60 ms.
gc.collect()
gc.freeze()
gc.set_threshold(10_000, 20, 50)
