"""The place where the four apps are put together."""

from pim_portal.celery import app as celery_app

__all__ = ["celery_app"]
