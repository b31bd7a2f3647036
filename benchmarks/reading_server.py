"""A server of reads for the load test: by password, on loopback, also under the name reads.local. Says its address."""

from __future__ import annotations

import sys
from contextlib import closing
from pathlib import Path

import uvicorn

from lymphoscope.app.web import server
from lymphoscope.app.web.access import Access
from lymphoscope.app.web.index import Index

index = Index(Path(sys.argv[1]))
index.rebuild()
access = Access(index, link=False)
for login in sys.argv[3:]:
    access.add_user(login, login, "reader", sys.argv[2])
access.tries.most = 10**6
with closing(server.listening("127.0.0.1", 0)) as socket_:
    app = server.create_app(index, access, frozenset({"reads.local", "127.0.0.1"}))
    print(f"http://127.0.0.1:{socket_.getsockname()[1]}", flush=True)
    uvicorn.Server(uvicorn.Config(app, access_log=False, log_level="error", lifespan="off")).run(sockets=[socket_])
