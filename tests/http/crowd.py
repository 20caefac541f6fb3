"""Clients that all want the same thing of a server, in a process of their own,
so that who measures it meanwhile is not held up by them:

    python crowd.py HOST PORT CLIENTS SECONDS PAUSE <picture

Each keeps a connection, asks again as soon as it has a heatmap's numbers, and
where it is turned away waits PAUSE seconds, more or less. A line of JSON for
every request tells what became of it.
"""

from __future__ import annotations

import http.client
import json
import random
import sys
import threading
import time

PATIENCE = 60  # seconds, after which a request counts as hung


def ask(connection: http.client.HTTPConnection, picture: bytes) -> dict[str, object]:
    """One request, and what came back."""
    begin = time.monotonic()
    headers = {"Content-Type": "image/png"}
    connection.request("POST", "/cam?heatmap=none", picture, headers)
    response = connection.getresponse()
    answer = json.loads(response.read())
    return {
        "seconds": time.monotonic() - begin,
        "status": response.status,
        "type": response.headers["Content-Type"],
        "retry_after": response.headers["Retry-After"],
        "timing": response.headers["Server-Timing"],
        "detail": answer.get("detail"),
    }


def live(number: int, given: list[str], picture: bytes, done: list[dict]) -> None:
    """One client, to the end."""
    host, port, _, seconds, pause = given
    dice = random.Random(number)
    connection = http.client.HTTPConnection(host, int(port), timeout=PATIENCE)
    end = time.monotonic() + float(seconds)
    time.sleep(float(pause) * dice.random())  # not all in the same instant
    while time.monotonic() < end:
        try:
            answer = ask(connection, picture)
        except (OSError, http.client.HTTPException, ValueError) as error:
            answer = {"status": 0, "detail": repr(error), "seconds": 0.0}
            connection.close()
        done.append(answer)
        if answer["status"] != 200:
            time.sleep(float(pause) * dice.uniform(0.5, 1.5))
    connection.close()


def main() -> None:
    """The command."""
    given = sys.argv[1:]
    picture = sys.stdin.buffer.read()
    done: list[dict] = []
    clients = [
        threading.Thread(target=live, args=(i, given, picture, done))
        for i in range(int(given[2]))
    ]
    for client in clients:
        client.start()
    for client in clients:
        client.join()
    for answer in done:
        print(json.dumps(answer))


if __name__ == "__main__":
    main()
