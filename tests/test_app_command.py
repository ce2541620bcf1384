"""`feecalc app` on a machine that never ran Streamlit: it starts without asking anything, on localhost only."""

import os
import re
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_a_first_start_serves_the_page(tmp_path):
    port = free_port()
    environment = {**os.environ, "HOME": str(tmp_path), "FEECALC_HOME": str(tmp_path / "data"), "BROWSER": "true"}
    server = subprocess.Popen(
        [sys.executable, "-m", "feecalc", "app", "--port", str(port)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=environment,
    )
    try:
        for _ in range(200):
            assert server.poll() is None, server.stdout.read()
            try:
                with urllib.request.urlopen(f"http://localhost:{port}/_stcore/health") as answer:
                    assert answer.status == 200
                    break
            except (urllib.error.URLError, ConnectionError):
                time.sleep(0.1)
        else:
            raise AssertionError("the server did not come up")
        with open("/proc/net/tcp") if os.path.exists("/proc/net/tcp") else open(os.devnull) as table:
            listening = re.findall(rf"([0-9A-F]{{8}}):{port:04X} 00000000:0000 0A", table.read())
        assert all(address == "0100007F" for address in listening)
    finally:
        server.terminate()
        said, _ = server.communicate(timeout=20)
    assert f"http://localhost:{port}" in said
