"""A scraper of its own process: reads one JSON request a line, scrapes, prints one JSON line.

A request is `{"address": "HOST:PORT", "gzip": true}`, the answer `{"seconds": S, "bytes": N}`:
from connecting to the last byte, and the size of the body as it came.
"""

from __future__ import annotations

import http.client
import json
import sys
import time


def scrape(address: str, gzip: bool) -> dict[str, float]:
    """One scrape over a new connection."""
    connection = http.client.HTTPConnection(address, timeout=60)
    started = time.perf_counter()
    connection.request("GET", "/metrics", headers={"Accept-Encoding": "gzip"} if gzip else {})
    size = len(connection.getresponse().read())
    seconds = time.perf_counter() - started
    connection.close()
    return {"seconds": seconds, "bytes": size}


def main() -> None:
    """Serve until the end of standard input."""
    for line in sys.stdin:
        print(json.dumps(scrape(**json.loads(line))), flush=True)


if __name__ == "__main__":
    main()
