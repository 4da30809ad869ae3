# psqlm's command line, for the load service of docker-compose.yml.
FROM python:3.13-slim

WORKDIR /psqlm
COPY pyproject.toml README.md LICENSE ./
COPY analysis analysis
COPY demo/llama demo/llama
COPY demo/model demo/model
COPY loader loader
COPY psqlm psqlm
COPY sql sql
RUN pip install --no-cache-dir .

# the cache is a volume, and belongs to whom its mount point belongs
RUN useradd --create-home psqlm && install -d -o psqlm /home/psqlm/.cache/huggingface
USER psqlm
WORKDIR /home/psqlm
ENTRYPOINT ["psqlm"]
CMD ["--help"]
