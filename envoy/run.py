"""The demo: an OpenWhisk, a JavaScript action and an Envoy with the filter. Run by `make run`.

Environment:
  OPENWHISK        http://host:port of an OpenWhisk to use instead of the local one
  OPENWHISK_TOKEN  its key (default: the guest key of OpenWhisk's standalone server)
  PORT, ADMIN_PORT, OPENWHISK_PORT  ports to use instead of 10000, 9901 and 3233
  ENVOY            an Envoy to use instead of target/envoy/bin/envoy
"""

import base64
import errno
import http.client
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request

HOME = pathlib.Path(__file__).resolve().parent
GUEST = (
    "23bc46b1-71f6-4ed5-8c54-816aa4f8c502:"
    "123zO3xZCLrMN6v2BKK1dXYFpXlPkccOFqm12CdAsMgRU4VrNZ9lyGVCGuMDGIwP"
)
TOKEN = os.environ.get("OPENWHISK_TOKEN", GUEST)
PATIENCE = 30  # seconds
# Ctrl-C, a closed terminal and the like: the children have sessions of their own, so they are stopped by us.
ENDINGS = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT]


class Failure(Exception):
    """What keeps the demo from running, as one sentence for the user."""


def port(name, default):
    """A port from the environment, free to listen on."""
    text = os.environ.get(name, default)
    if not (text.isascii() and text.isdigit() and 0 < int(text) < 65536):
        raise Failure(f"{name} is {text!r}, expected a port from 1 to 65535")
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", int(text)))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                why = "is in use: stop what listens there, or choose another one"
            else:
                why = f"cannot be used ({error.strerror}): choose another one"
            raise Failure(f"port {text} {why} with {name}=") from None
    return int(text)


def address(openwhisk):
    """Host and port of http://host:port."""
    try:
        where = urllib.parse.urlsplit(openwhisk)
        if where.scheme == "http" and where.hostname and where.port and not where.path.strip("/"):
            return where.hostname, where.port
    except ValueError:
        pass
    raise Failure(f"OPENWHISK is {openwhisk!r}, expected http://host:port")


def call(method, url, body=None):
    """Calls OpenWhisk's API and gives the decoded answer."""
    request = urllib.request.Request(url, method=method, data=body and json.dumps(body).encode())
    request.add_header("Authorization", "Basic " + base64.b64encode(TOKEN.encode()).decode())
    request.add_header("Content-Type", "application/json")
    with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
        return json.load(answer)


def wait_until_open(address, child, name):
    """Waits until something listens on the address."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        if child.poll() is not None:
            raise Failure(f"{name} ended with {child.returncode}, see above")
        try:
            socket.create_connection(address, timeout=1).close()
            return
        except OSError:
            time.sleep(0.05)
    raise Failure(f"{name} does not listen on {address[0]}:{address[1]} after {PATIENCE} s")


def run(children):
    envoy = os.environ.get("ENVOY") or str(HOME.parent / "target/envoy/bin/envoy")
    listen, admin = port("PORT", "10000"), port("ADMIN_PORT", "9901")
    if not all(TOKEN.partition(":")):
        raise Failure("OPENWHISK_TOKEN is not user:key")

    openwhisk = os.environ.get("OPENWHISK")
    if openwhisk is None:
        at = port("OPENWHISK_PORT", "3233")
        if len({listen, admin, at}) < 3:
            raise Failure("PORT, ADMIN_PORT and OPENWHISK_PORT must differ")
        openwhisk = f"http://127.0.0.1:{at}"
        server = str(HOME.parent / "target/release/openwhisk-local")
        local = start(children, [server, "--listen", f"127.0.0.1:{at}", "--auth", TOKEN])
        wait_until_open(("127.0.0.1", at), local, "the local OpenWhisk")
    host, at = address(openwhisk)

    action = f"{openwhisk.rstrip('/')}/api/v1/namespaces/_/actions/hello"
    code = (HOME / "hello.js").read_text()
    try:
        call("PUT", f"{action}?overwrite=true", {"exec": {"kind": "nodejs:default", "code": code}})
    except urllib.error.HTTPError as error:
        raise Failure(f"{openwhisk} refused the demo action with {error.code}: {error.read().decode()}") from None
    except OSError as error:
        raise Failure(f"{openwhisk} cannot be reached: {error}") from None
    except (ValueError, http.client.HTTPException):
        raise Failure(f"{openwhisk} does not answer as an OpenWhisk does") from None

    changes = {
        '"http://127.0.0.1:3233"': json.dumps(openwhisk),
        "address: 127.0.0.1, port_value: 3233": f'address: "{host}", port_value: {at}',
        "port_value: 10000": f"port_value: {listen}",
        "port_value: 9901": f"port_value: {admin}",
        '"namespace": "guest"': '"namespace": "_"',
    }
    configuration = (HOME / "envoy.yaml").read_text()
    for old, new in changes.items():
        if configuration.count(old) != 1:
            raise Failure(f"envoy/envoy.yaml should hold {old!r} once")
        configuration = configuration.replace(old, new)
    arguments = ["--config-yaml", configuration, "--concurrency", "2", "--use-dynamic-base-id", "--log-level", "warning", "--component-log-level", "wasm:info"]
    proxy = start(children, [envoy, *arguments], cwd=HOME.parent, env={**os.environ, "OPENWHISK_TOKEN": TOKEN})
    wait_until_open(("127.0.0.1", listen), proxy, "Envoy")

    print(
        f"""
Envoy listens on port {listen} and calls the action of envoy/hello.js on {openwhisk}. Try in another terminal:

    curl -i http://localhost:{listen}/hello
    curl -i -d '{{"name":"world"}}' http://localhost:{listen}/hello

Ctrl-C stops everything.
""",
        flush=True,
    )
    while True:
        for child in children:
            if child.poll() is not None:
                raise Failure(f"{child.args[0]} ended with {child.returncode}, see above")
        time.sleep(0.2)


def start(children, arguments, **options):
    """Starts a child that Ctrl-C does not reach: it is stopped in order at the end."""
    try:
        child = subprocess.Popen(arguments, start_new_session=True, **options)
    except OSError as error:
        raise Failure(f"{arguments[0]} cannot be started ({error.strerror}), try `make build envoy`") from None
    children.append(child)
    return child


def stop(children):
    for ending in ENDINGS:
        signal.signal(ending, signal.SIG_IGN)
    for child in reversed(children):
        if child.poll() is None:
            child.terminate()
    for child in reversed(children):
        try:
            child.wait(timeout=10)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


def main():
    for ending in ENDINGS:
        signal.signal(ending, signal.default_int_handler)
    children = []
    try:
        run(children)
    except Failure as failure:
        print(f"error: {failure}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 0
    finally:
        stop(children)


sys.exit(main())
