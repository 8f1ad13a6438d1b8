"""Runs an Envoy with the filter. Run by `make run`.

Without CONFIG it is the demo: an OpenWhisk, a JavaScript action, and envoy/hello.json. With CONFIG it is a configuration
of your own, with the OpenWhisk it names; where that is the local one and nobody listens there, that one is started, with
envoy/hello.js as every action that the configuration names.

Environment:
  CONFIG           a configuration of the filter, or a file of APISIX: a route, or all of apisix.yaml
  CONFIG_ENV       the variables that it may read for keys besides those that begin with OPENWHISK_, with spaces between
  KEY_FILE         [CLUSTER=]FILE, with spaces between, in quotes if it has spaces itself: the keys that clusters add, as
                   `openwhisk-envoy secret` writes them
  CA               the certificates to trust where its `api_host` is https
  OPENWHISK        the demo: http://host:port of an OpenWhisk to use instead of the local one
  OPENWHISK_TOKEN  the demo: its key (default: the guest key of OpenWhisk's standalone server)
  PORT, ADMIN_PORT, OPENWHISK_PORT  ports to use instead of 10000, 9901 and 3233
  ENVOY            an Envoy to use instead of target/envoy/bin/envoy
"""

import base64
import errno
import http.client
import json
import os
import pathlib
import shlex
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request

HOME = pathlib.Path(__file__).resolve().parent
BUILT = HOME.parent / "target/release"
GUEST = (
    "23bc46b1-71f6-4ed5-8c54-816aa4f8c502:"
    "123zO3xZCLrMN6v2BKK1dXYFpXlPkccOFqm12CdAsMgRU4VrNZ9lyGVCGuMDGIwP"
)
TOKEN = os.environ.get("OPENWHISK_TOKEN", GUEST)
PATIENCE = 120  # seconds, more than a busy machine needs
# Ctrl-C, a closed terminal and the like: the children have sessions of their own, so they are stopped by us.
ENDINGS = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT]


class Failure(Exception):
    """What keeps an Envoy from running, as one sentence for the user."""


def number(name, default):
    """A port from the environment."""
    text = os.environ.get(name, default)
    if not (text.isascii() and text.isdigit() and 0 < int(text) < 65536):
        raise Failure(f"{name} is {text!r}, expected a port from 1 to 65535")
    return int(text)


def words(name):
    """Words from the environment. One with spaces stands in quotes."""
    try:
        return shlex.split(os.environ.get(name, ""))
    except ValueError as error:
        raise Failure(f"{name} cannot be read: {error}") from None


def port(name, default):
    """A port from the environment, free to listen on."""
    free = number(name, default)
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", free))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                why = "is in use: stop what listens there, or choose another one"
            else:
                why = f"cannot be used ({error.strerror}): choose another one"
            raise Failure(f"port {free} {why} with {name}=") from None
    return free


def address(openwhisk):
    """Host and port of http://host:port."""
    try:
        where = urllib.parse.urlsplit(openwhisk)
        if where.scheme == "http" and where.hostname and where.port and not where.path.strip("/"):
            return where.hostname, where.port
    except ValueError:
        pass
    raise Failure(f"OPENWHISK is {openwhisk!r}, expected http://host:port")


def basic(token):
    """The header for user:key."""
    return "Basic " + base64.b64encode(token.encode()).decode()


def call(method, url, body=None, token=TOKEN):
    """Calls OpenWhisk's API and gives the decoded answer."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, method=method, data=data)
    request.add_header("Authorization", basic(token))
    request.add_header("Content-Type", "application/json")
    with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
        return json.load(answer)


def wait_until_open(address, child, name):
    """Waits until something listens on the address."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        if child.poll() is not None:
            raise Failure(f"{name} ended with {child.returncode}, see above")
        if listens(address):
            return
        time.sleep(0.05)
    raise Failure(f"{name} does not listen on {address[0]}:{address[1]} after {PATIENCE} s")


def run(children):
    listen, admin = port("PORT", "10000"), port("ADMIN_PORT", "9901")
    if listen == admin:
        raise Failure("PORT and ADMIN_PORT must differ")
    serve = serve_config if os.environ.get("CONFIG") else serve_demo
    told = serve(children, listen, admin)
    wait_until_open(("127.0.0.1", listen), children[-1], "Envoy")
    print(f"\n{told}\n\nCtrl-C stops everything.\n", flush=True)
    while True:
        for child in children:
            if child.poll() is not None:
                raise Failure(f"{child.args[0]} ended with {child.returncode}, see above")
        time.sleep(0.2)


def serve_demo(children, listen, admin):
    """Starts the demo, and gives what to tell the user."""
    if not all(TOKEN.partition(":")):
        raise Failure("OPENWHISK_TOKEN is not user:key")
    openwhisk = os.environ.get("OPENWHISK")
    if openwhisk is None:
        at = port("OPENWHISK_PORT", "3233")
        if at in (listen, admin):
            raise Failure("PORT, ADMIN_PORT and OPENWHISK_PORT must differ")
        openwhisk = f"http://127.0.0.1:{at}"
        start_openwhisk(children, at, TOKEN)
    address(openwhisk)

    try:
        create(openwhisk, "_", None, "hello", TOKEN)
    except urllib.error.HTTPError as error:
        raise Failure(f"{openwhisk} refused the demo action with {error.code}: {error.read().decode()}") from None
    except OSError as error:
        raise Failure(f"{openwhisk} cannot be reached: {error}") from None
    except (ValueError, http.client.HTTPException):
        raise Failure(f"{openwhisk} does not answer as an OpenWhisk does") from None

    configuration = json.loads((HOME / "hello.json").read_text())
    configuration.update(api_host=openwhisk, namespace="_")
    start_envoy(children, render(json.dumps(configuration), listen, admin, "--route-prefix", "/hello"), OPENWHISK_TOKEN=TOKEN)
    return f"""Envoy listens on port {listen} and calls the action of envoy/hello.js on {openwhisk}. Try in another terminal:

    curl -i http://localhost:{listen}/hello
    curl -i -d '{{"name":"world"}}' http://localhost:{listen}/hello"""


def serve_config(children, listen, admin):
    """Starts an Envoy with a configuration of the user's, and gives what to tell the user."""
    file = os.environ["CONFIG"]
    try:
        text = pathlib.Path(file).read_text()
    except (OSError, UnicodeError) as error:
        raise Failure(f"{file} cannot be read: {error}") from None
    options = ["--ca", os.environ["CA"]] if os.environ.get("CA") else []
    options += [f"--env={name}" for name in os.environ.get("CONFIG_ENV", "").split()]
    options += key_options(words("KEY_FILE"))
    rendered, keys = render_with_keys(text, listen, admin, *options)
    summary = json.loads(render(text, listen, admin, *options, "--summary", stderr=subprocess.DEVNULL))  # All is told.
    known = {**os.environ, **keys}
    actions = summary["actions"]
    if not actions:
        raise Failure(f"{file} lists no routes in `routes`, so there is nothing to serve")

    hosts = sorted({action["api_host"] for action in actions})
    told = [f"Envoy listens on port {listen} and serves {file} with OpenWhisk at {', '.join(hosts)}."]
    if "OPENWHISK" in os.environ:
        told.append("OPENWHISK has no effect with CONFIG: `api_host` says where OpenWhisk is.")
    at = number("OPENWHISK_PORT", "3233")
    local = [action for action in actions if is_local(action["api_host"], at)]
    environment = dict(keys)
    if local and not listens(("127.0.0.1", at)):
        # It has one key and one namespace.
        token, namespace = key_of(local[0], known, GUEST), local[0]["namespace"]
        user, _, key = token.partition(":")
        if not user or len(key) != 64:
            raise Failure(f"the key for {local[0]['api_host']} is none that the local OpenWhisk takes, expected uuid:key with a key of 64 characters")
        start_openwhisk(children, at, token, *(["--namespace", namespace] if namespace != "_" else []))
        told.append(f"Nobody listened on port {at}: a local OpenWhisk was started there, with envoy/hello.js as each action.")
        for action in local:
            create_for(action, at, token)
            name = action["variable"]
            if name and name not in known:
                environment[name] = token if action["attribute"] == "service_token" else basic(token)
                told.append(f"{name} is not set: it is the key of the local OpenWhisk.")
            elif key_of(action, known, token) != token:
                told.append(f"The local OpenWhisk has one key: it refuses that of {action['namespace']}/{name_of(action)}.")
    expected = dict.fromkeys(summary["environment"], f"a secret that {file} names")
    for action in actions:
        kind = "user:key" if action["attribute"] == "service_token" else "the whole header"
        expected[action["variable"]] = f"the key for {action['api_host']}, {kind}"
    for name in summary["environment"]:
        if name not in {**known, **environment}:
            raise Failure(f"{name} is not set, expected {expected[name]}")

    start_envoy(children, rendered, **environment)
    lines = [f"    {call}" for call in dict.fromkeys(calls_of(summary["routes"], listen))]
    return "\n".join([*dict.fromkeys(told), "Try in another terminal:", "", *lines[:10]])


def calls_of(routes, listen):
    """The commands that call the routes of the filter, as far as they have one path."""
    for route in routes:
        if route["path"]:
            arguments = ["-X", route["methods"][0]] if route["methods"] else []
            domain = route["domains"][0]
            arguments += ["-H", f"Host: {domain.replace('*', 'any')}"] if domain != "*" else []
            yield shlex.join(["curl", "-i", *arguments, f"http://localhost:{listen}{route['path']}"])


def is_local(api_host, at):
    where = urllib.parse.urlsplit(api_host)
    is_root = where.path.strip("/") == ""
    return is_root and (where.scheme, where.hostname in ("127.0.0.1", "localhost"), where.port) == ("http", True, at)


def key_options(files):
    """What the renderer is told about KEY_FILE. Envoy runs in another folder."""
    for text in files:
        cluster, equals, file = text.partition("=") if "=" in text else ("", "", text)
        yield f"--key-file={cluster}{equals}{os.path.abspath(file)}"
    if files:
        yield "--check-keys"


def key_of(action, known, default):
    """The user:key of an action. Empty where it is a key of another kind."""
    if action["key_file"]:
        key = pathlib.Path(action["key_file"]).read_text()
    else:
        key = action["key"] or known.get(action["variable"])
    if key is None:
        return default
    if action["attribute"] == "service_token":
        return key
    scheme, _, encoded = key.partition(" ")
    try:
        return base64.b64decode(encoded).decode() if scheme.lower() == "basic" else ""
    except ValueError:
        return ""


def listens(address):
    """Whether something listens there."""
    try:
        socket.create_connection(address, timeout=1).close()
        return True
    except OSError:
        return False


def create_for(action, at, token):
    """Creates the action of a route on the local OpenWhisk, if that is one it can have."""
    openwhisk, namespace = f"http://127.0.0.1:{at}", action["namespace"]
    try:
        if action["trigger"]:
            create_trigger(openwhisk, namespace, action["trigger"], token)
        else:
            create(openwhisk, namespace, action["package"], action["action"], token)
    except (OSError, ValueError, http.client.HTTPException) as error:
        print(f"note: {namespace}/{name_of(action)} is not created on the local OpenWhisk: {error}", flush=True)


def name_of(action):
    """The name of an action or a trigger."""
    return action["trigger"] or action["action"]


def create_trigger(openwhisk, namespace, trigger, token):
    """Creates a trigger, and a rule that invokes an action with the code of hello.js."""
    action, rule = f"{trigger}-action", f"{trigger}-rule"
    create(openwhisk, namespace, None, action, token)
    entities = f"{openwhisk}/api/v1/namespaces/{urllib.parse.quote(namespace, safe='')}"
    call("PUT", f"{entities}/triggers/{urllib.parse.quote(trigger, safe='')}?overwrite=true", {}, token)
    parts = {"trigger": f"/_/{trigger}", "action": f"/_/{action}"}
    call("PUT", f"{entities}/rules/{urllib.parse.quote(rule, safe='')}?overwrite=true", parts, token)


def create(openwhisk, namespace, package, action, token):
    """Creates an action with the code of hello.js, and its package."""
    encoded = [urllib.parse.quote(name, safe="") for name in (namespace, package or "", action)]
    entities = f"{openwhisk.rstrip('/')}/api/v1/namespaces/{encoded[0]}"
    if package:
        call("PUT", f"{entities}/packages/{encoded[1]}?overwrite=true", {}, token)
    path = f"{encoded[1]}/{encoded[2]}" if package else encoded[2]
    code = (HOME / "hello.js").read_text()
    call("PUT", f"{entities}/actions/{path}?overwrite=true", {"exec": {"kind": "nodejs:default", "code": code}}, token)


def start_openwhisk(children, at, token, *more):
    # Not an argument, which everybody on this machine can read.
    environment = {**os.environ, "OPENWHISK_LOCAL_AUTH": token}
    local = start(children, [str(BUILT / "openwhisk-local"), "--listen", f"127.0.0.1:{at}", *more], env=environment)
    wait_until_open(("127.0.0.1", at), local, "the local OpenWhisk")


def render(configuration, listen, admin, *more, stderr=None):
    """The configuration of Envoy for one of the filter. Mistakes and warnings are told by the renderer."""
    renderer = str(BUILT / "openwhisk-envoy")
    arguments = [renderer, "--listen", f"127.0.0.1:{listen}", "--admin", f"127.0.0.1:{admin}", *more]
    try:
        rendered = subprocess.run(arguments, input=configuration, stdout=subprocess.PIPE, stderr=stderr, text=True)
    except OSError as error:
        raise Failure(f"{renderer} cannot be started ({error.strerror}), try `make build`") from None
    if rendered.returncode:
        raise Failure("the configuration is refused, see above")
    return rendered.stdout


def render_with_keys(configuration, listen, admin, *more):
    """The same, and the keys that stood in a file of APISIX, by the names of the variables that take them."""
    with tempfile.TemporaryDirectory(prefix="openwhisk-") as folder:
        file = pathlib.Path(folder) / "keys"
        rendered = render(configuration, listen, admin, *more, "--keys", str(file))
        return rendered, dict(line.split("=", 1) for line in file.read_text().splitlines())


def start_envoy(children, configuration, **environment):
    envoy = os.environ.get("ENVOY") or str(HOME.parent / "target/envoy/bin/envoy")
    # Not an argument, which everybody on this machine can read: a key may stand in it.
    file = tempfile.NamedTemporaryFile("w", prefix="openwhisk-", suffix=".yaml")
    file.write(configuration)
    file.flush()
    arguments = ["--config-path", file.name, "--concurrency", "2", "--use-dynamic-base-id"]
    arguments += ["--log-level", "warning", "--component-log-level", "wasm:info"]
    child = start(children, [envoy, *arguments], cwd=HOME.parent, env={**os.environ, **environment})
    child.configuration = file  # It goes away with the child.


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
