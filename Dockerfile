# A server in a container: slim, as nobody, on a read-only root.
#
#   docker build -t tinct .
#   docker run --rm --read-only --tmpfs /tmp:size=5g,mode=1777 --cap-drop ALL \
#     --security-opt no-new-privileges -e TINCT_TOKEN -p 127.0.0.1:8000:8000 tinct

FROM python:3.13-slim-bookworm AS build
WORKDIR /build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN python -m venv /opt/tinct
COPY pyproject.toml README.md LICENSE ./
COPY recipes recipes
COPY src src
RUN /opt/tinct/bin/pip install ".[serve]"

FROM python:3.13-slim-bookworm
LABEL org.opencontainers.image.title="Tinct" \
      org.opencontainers.image.description="Adds colour to black-and-white pictures" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /opt/tinct /opt/tinct
RUN useradd --system --uid 10001 --no-create-home --shell /usr/sbin/nologin tinct
ENV PATH=/opt/tinct/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
USER 10001:10001
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=5s --start-period=30s --retries=3 \
  CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/health/ready', timeout=4)"]
ENTRYPOINT ["tinct", "serve"]
CMD ["--host", "0.0.0.0"]
