# l2send with what a shared journal needs, for compose.yaml.
FROM python:3.12-slim
COPY . /src
RUN pip install --no-cache-dir '/src[postgres]' && rm -r /src && useradd --create-home --uid 1000 l2send
USER l2send
ENV L2SEND_HOME=/home/l2send/l2send
ENTRYPOINT ["l2send"]
