"""A real S3 server as a process that can be killed: moto's, with every object on a disk before its answer is given.

python -m tests.tuner.s3_server PORT FOLDER
"""

import io
import os
import sys
from pathlib import Path
from urllib.parse import quote, unquote

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import run_simple
from werkzeug.test import Client


class Durable:
    """WSGI application that remembers what moto, in memory, would forget with its process."""

    def __init__(self, folder):
        self.folder = Path(folder)
        self.folder.mkdir(exist_ok=True)
        self.moto = DomainDispatcherApplication(create_backend_app)
        for kept in sorted(self.folder.iterdir(), key=lambda path: (path.name.count("%2F"), path.name)):
            answer = Client(self.moto).put(unquote(kept.name), data=kept.read_bytes())
            assert answer.status_code == 200, answer.data

    def __call__(self, environ, start_response):
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        environ["wsgi.input"] = io.BytesIO(body)
        told = []
        answer = b"".join(self.moto(environ, lambda *head: told.append(head)))
        if told[0][0].startswith("2"):
            self.keep(environ["REQUEST_METHOD"], self.folder / quote(environ["PATH_INFO"].rstrip("/"), safe=""), body)
        start_response(*told[0])
        return [answer]

    @staticmethod
    def keep(method, path, body):
        if method == "PUT":
            temporary = path.with_name(f".{os.getpid()}-{path.name}")
            temporary.write_bytes(body)
            temporary.rename(path)
        elif method == "DELETE":
            path.unlink(missing_ok=True)


if __name__ == "__main__":
    run_simple("127.0.0.1", int(sys.argv[1]), Durable(sys.argv[2]), threaded=True)
