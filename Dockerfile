# PIM Portal for production: web server, worker and migrations are three commands of one image (see compose.yaml).
FROM python:3.13-slim AS build
WORKDIR /portal
COPY requirements/bootstrap.txt requirements/base.txt requirements/
RUN python -m venv .venv \
    && .venv/bin/python -m pip install --no-cache-dir --require-hashes -r requirements/bootstrap.txt \
    && .venv/bin/python -m uv pip install --python .venv/bin/python --no-cache --compile-bytecode --require-hashes \
        -r requirements/base.txt \
    && .venv/bin/python -m pip uninstall --yes uv

FROM python:3.13-slim
RUN useradd --system --create-home --home-dir /var/lib/pim-portal --shell /usr/sbin/nologin portal
WORKDIR /portal
COPY --from=build /portal/.venv .venv
COPY manage.py ./
COPY accounts accounts
COPY approvals approvals
COPY audit audit
COPY pim_portal pim_portal
COPY roles roles
COPY static static
COPY templates templates
ENV PATH=/portal/.venv/bin:$PATH PYTHONUNBUFFERED=1 DJANGO_SETTINGS_MODULE=pim_portal.settings PORTAL_VAR=/var/lib/pim-portal
# Static files need no settings of a real portal: an embedded one's are made up and thrown away with this step.
RUN PORTAL_VAR=/tmp/build python manage.py collectstatic --no-input \
    && mkdir -p /var/lib/pim-portal && mv /tmp/build/static /var/lib/pim-portal/static && rm -rf /tmp/build
USER portal
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s CMD ["python", "-c", "import os, urllib.request as r, urllib.parse as p; r.urlopen(r.Request('http://127.0.0.1:8000/health', headers={'Host': p.urlsplit(os.environ['BASE_URL']).hostname}), timeout=4)"]
CMD ["granian", "pim_portal.wsgi:application", "--interface", "wsgi", "--host", "0.0.0.0", "--port", "8000", "--workers", "2", "--blocking-threads", "4", "--no-ws"]
